import type { CrlScope } from './commands.ts'
import { openForReading } from './connection.ts'
import { changeFinder } from './read/crl.ts'

/** Finished CRL entries, one after the other. */
export interface Entries {
  readonly count: number
  readonly der: Buffer
}

export interface ScopeEntries {
  /** All that is revoked; null if it was not asked for. */
  readonly full: Entries | null
  /** What was revoked or released since; null if it was not asked for. */
  readonly delta: Entries | null
  /** The newest change that is in them. */
  readonly through: number
}

export interface EntriesWanted {
  /** Certificates that expired before it are left out of the full list. Seconds since 1970. */
  readonly full: { readonly notAfterFloor: number } | null
  /** The newest change that is not to be in the delta. */
  readonly delta: { readonly since: number } | null
}

/** What the thread that builds CRLs reads, on a connection of its own. */
export interface CrlReader {
  /** Full list and delta are of one state of the database. */
  entries(scope: CrlScope, wanted: EntriesWanted): ScopeEntries
  close(): void
}

const FIRST_CAPACITY = 64 * 1024

export function openCrlReader(databaseFile: string): CrlReader {
  const db = openForReading(databaseFile)
  const latestChange = changeFinder(db)
  const select = (table: string, index: string, condition: string, order: string) =>
    db
      .prepare<[object], Buffer>(
        `SELECT entry FROM ${table} INDEXED BY ${table}_${index}
         WHERE authority = (SELECT key FROM authorities WHERE id = :authority) AND ${condition} ORDER BY ${order}`,
      )
      .pluck()
  // Each in the order of its index, so that a long list needs no sorting.
  const ofAll = {
    revoked: select('revocations', 'authority', 'not_after >= :floor', 'certificate'),
    revokedSince: select('revocations', 'changes', 'change > :since', 'change'),
    releasedSince: select('releases', 'changes', 'change > :since', 'change'),
  }
  const inPartition = (table: string, condition: string) =>
    select(table, 'partition', `partition = :partition AND ${condition}`, 'change')
  const ofPartition = {
    revoked: inPartition('revocations', 'not_after >= :floor'),
    revokedSince: inPartition('revocations', 'change > :since'),
    releasedSince: inPartition('releases', 'change > :since'),
  }

  // In every partition: which of them the certificate names is not on record.
  const carriedSince = db
    .prepare<[object], Buffer>(
      `SELECT entry FROM carried_revocations
       WHERE authority = (SELECT key FROM authorities WHERE id = :authority) AND change > :since ORDER BY change`,
    )
    .pluck()

  function read(scope: CrlScope, { full, delta }: EntriesWanted): ScopeEntries {
    const { revoked, revokedSince, releasedSince } = scope.partition === null ? ofAll : ofPartition
    const named = scope.partition === null ? { authority: scope.authority } : { ...scope }
    return {
      through: latestChange(scope),
      full:
        full &&
        joined(
          revoked.iterate({ ...named, floor: full.notAfterFloor }),
          carriedSince.iterate({ ...named, since: -1 }),
        ),
      delta:
        delta &&
        joined(
          revokedSince.iterate({ ...named, ...delta }),
          releasedSince.iterate({ ...named, ...delta }),
          carriedSince.iterate({ ...named, ...delta }),
        ),
    }
  }
  return {
    // The first read fixes the state that all of them see.
    entries: db.transaction(read),
    close: () => db.close(),
  }
}

function joined(...lists: IterableIterator<Buffer>[]): Entries {
  // One buffer that doubles: a million little buffers would cost several times the CRL itself.
  let der = Buffer.allocUnsafe(FIRST_CAPACITY)
  let length = 0
  let count = 0
  for (const list of lists) {
    for (const entry of list) {
      if (length + entry.length > der.length) {
        const larger = Buffer.allocUnsafe(Math.max(der.length * 2, length + entry.length))
        der.copy(larger, 0, 0, length)
        der = larger
      }
      der.set(entry, length)
      length += entry.length
      count++
    }
  }
  return { count, der: der.subarray(0, length) }
}
