import { entryDatedBack } from '../../pki/crl/entry.ts'
import type { Connection } from '../connection.ts'

/** Finished CRL entries that follow each other in the order of a key. */
export interface EntryRun {
  readonly count: number
  /** The key of its last entry. */
  readonly last: number
  /** When the first of its certificates expires, in seconds since 1970. */
  readonly firstExpiry: number
  readonly der: Buffer
}

export interface RunsOf {
  readonly table: string
  readonly index: string
  /** The column that rises along the index. */
  readonly key: 'certificate' | 'change'
  /** A condition that the index serves as well. */
  readonly where: string
  /** Where the table has no such column: an expression for it. */
  readonly notAfter?: string
  /** Likewise for when it was revoked. */
  readonly revokedAt?: string
}

export interface RunsWanted {
  readonly authority: number
  readonly partition?: number
  /** Keys above it. */
  readonly after: number
  /** Keys up to it; by default all. */
  readonly until?: number
  /** Certificates that expired before it are left out. Seconds since 1970. */
  readonly floor: number
  /** The thisUpdate of the list, seconds since 1970: no entry is dated later. */
  readonly at: number
}

/** Entries: some 200 KB, so that few calls read a million of them and a run is soon read again. */
export const RUN_LENGTH = 4096

/**
 * Reads entries in runs that SQLite itself strings together: a million rows of one entry each would cost eight times as much,
 * nearly all of it in crossing over to JavaScript.
 */
export function entryReader(
  db: Connection,
  { table, index, key, where, notAfter = 'not_after', revokedAt = 'revoked_at' }: RunsOf,
  length: number = RUN_LENGTH,
): (wanted: RunsWanted) => EntryRun[] {
  // What was revoked while the clock was ahead: Java passes over an entry whose date is still to come.
  db.function('dated_back', { deterministic: true }, entryDatedBack)
  // group_concat takes a BLOB's octets as they are; that none is lost is checked by their number.
  const next = db
    .prepare<[object], [number, number, number, number, Buffer]>(
      `SELECT count(*), max(key), min(expiry), sum(length(entry)), CAST(group_concat(entry, '') AS BLOB) FROM (
         SELECT ${key} AS key, ${notAfter} AS expiry,
           CASE WHEN ${revokedAt} > :at THEN dated_back(entry, :at) ELSE entry END AS entry
         FROM ${table} INDEXED BY ${index}
         WHERE authority = :authority AND ${where} AND ${key} > :after AND ${key} <= :until AND ${notAfter} >= :floor
         ORDER BY ${key} LIMIT ${length})`,
    )
    .raw()
  return ({ after, until = Number.MAX_SAFE_INTEGER, ...wanted }) => {
    const runs: EntryRun[] = []
    let from = after
    do {
      const [count, last, firstExpiry, size, der] = next.get({ ...wanted, after: from, until })!
      if (count === 0) break
      if (der.length !== size)
        throw new Error(`SQLite gave ${der.length} octets of entries instead of ${size}`)
      runs.push({ count, last, firstExpiry, der })
      from = last
    } while (runs.at(-1)!.count === length)
    return runs
  }
}
