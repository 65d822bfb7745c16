import type { CrlScope } from './commands.ts'
import { openForReading } from './connection.ts'
import { changeFinder } from './read/crl.ts'
import { type EntryRun, entryReader } from './read/crl-runs.ts'
import { keptLists } from './read/kept-lists.ts'

/** Finished CRL entries, in runs that follow each other. */
export interface Entries {
  readonly count: number
  readonly der: readonly Uint8Array[]
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
  /** The thisUpdate of the lists, seconds since 1970: no entry is dated later. */
  readonly at: number
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

export function openCrlReader(databaseFile: string, identity?: string | null): CrlReader {
  const db = openForReading(databaseFile, identity)
  const latestChange = changeFinder(db)
  const lists = keptLists(db)
  const revoked = (index: string, where: string) =>
    entryReader(db, { table: 'revocations', index: `revocations_${index}`, key: 'change', where })
  // When a hold was lifted has no column of its own, and nobody looks at it.
  const released = (index: string, where: string) =>
    entryReader(db, { table: 'releases', index: `releases_${index}`, key: 'change', where, revokedAt: '0' })
  const ofAll = { revoked: revoked('changes', 'TRUE'), released: released('changes', 'TRUE') }
  const one = 'partition = :partition'
  const ofPartition = { revoked: revoked('partition', one), released: released('partition', one) }
  // In every partition: which of them the certificate names is not on record. Its end is not known either.
  const carried = entryReader(db, {
    ...{ table: 'carried_revocations', index: 'carried_revocations_changes', key: 'change' },
    ...{ where: 'TRUE', notAfter: String(Number.MAX_SAFE_INTEGER) },
  })
  const authorityKey = db.prepare<[string], number>('SELECT key FROM authorities WHERE id = ?').pluck()

  function read(scope: CrlScope, { at, full, delta }: EntriesWanted): ScopeEntries {
    const authority = authorityKey.get(scope.authority) ?? -1
    const through = latestChange(scope)
    const of = scope.partition === null ? ofAll : ofPartition
    const named = { authority, at, ...(scope.partition === null ? {} : { partition: scope.partition }) }
    const changed = (since: number) => [
      ...of.revoked({ ...named, after: since, floor: 0 }),
      ...of.released({ ...named, after: since, floor: 0 }),
      ...carried({ authority, at, after: since, floor: 0 }),
    ]
    const whole = (floor: number) => [
      ...(scope.partition === null
        ? lists.current({ authority, floor, at }, through)
        : of.revoked({ ...named, after: -1, floor })),
      ...carried({ authority, at, after: -1, floor: 0 }),
    ]
    return {
      through,
      full: full && entriesOf(whole(full.notAfterFloor)),
      delta: delta && entriesOf(changed(delta.since)),
    }
  }
  return {
    // The first read fixes the state that all of them see.
    entries: db.transaction(read),
    close: () => db.close(),
  }
}

function entriesOf(runs: readonly EntryRun[]): Entries {
  return { count: runs.reduce((sum, { count }) => sum + count, 0), der: runs.map(({ der }) => der) }
}
