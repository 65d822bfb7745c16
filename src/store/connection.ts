import Database from 'better-sqlite3'
import { plannedOnce } from './planned-once.ts'
import { refuseAnother } from './same-file.ts'

export type Connection = Database.Database

/** better-sqlite3 waits this long for a lock that someone else holds, such as a backup tool. */
export const BUSY_MILLISECONDS = 5000

/** Once a long reader has let the WAL grow, the next checkpoint cuts the file back to this. */
const WAL_BYTES_KEPT = 64 * 1024 * 1024

/**
 * A connection to a new, empty file. Nothing is synced: whoever makes the database has to sync the file when this is closed,
 * before anybody relies on it.
 */
export function openForMaking(file: string): Connection {
  return opened(new Database(file, { fileMustExist: true }), (db) => {
    expectPragma(db, 'synchronous', 0)
    expectPragma(db, 'journal_mode', 'wal')
  })
}

/**
 * A connection that may write, as the writer alone does. The file must exist: a missing mount must not become a fresh database. Where `identity` is
 * known, it must be that file: a connection is opened anew where the others have the first one open.
 */
export function openForWriting(file: string, identity?: string | null): Connection {
  return opened(new Database(file, { fileMustExist: true, timeout: BUSY_MILLISECONDS }), (db) => {
    if (identity) refuseAnother(file, identity)
    expectPragma(db, 'journal_mode', 'wal')
    db.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`)
    // By `Checkpoints`: SQLite's own keeps its failures to itself, and the WAL grows until the disk is full.
    db.pragma('wal_autocheckpoint = 0')
    // 16 MiB (negative: KiB): what a batch touches, and the upper levels of the indexes whose pages are hit at random. Of the
    // others a database of millions has more than could be held here; the system's cache has them as well, a copy away.
    db.pragma('cache_size = -16384')
    syncCommits(db)
  })
}

/** A connection that can only read; the WAL lets it read while the writer writes. `identity` as for the one that writes. */
export function openForReading(file: string, identity?: string | null): Connection {
  return opened(
    new Database(file, { readonly: true, fileMustExist: true, timeout: BUSY_MILLISECONDS }),
    (db) => {
      if (identity) refuseAnother(file, identity)
      expectPragma(db, 'query_only', 1)
      syncCommits(db)
    },
  )
}

function opened(db: Connection, configure: (db: Connection) => void): Connection {
  try {
    configure(db)
    expectPragma(db, 'foreign_keys', 1)
    const compile = db.prepare.bind(db)
    db.prepare = ((sql: string) => compile(plannedOnce(sql))) as Connection['prepare']
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/**
 * 2 = FULL: a commit returns after the WAL is synced. A reopened WAL database starts at 1 (NORMAL), where a power cut takes back
 * commits that were already answered.
 */
function syncCommits(db: Connection): void {
  expectPragma(db, 'synchronous', 2)
}

/** Sets a pragma and reads it back, since SQLite ignores settings that it cannot honour. */
function expectPragma(db: Connection, name: string, value: string | number): void {
  db.pragma(`${name} = ${value}`)
  const actual = db.pragma(name, { simple: true })
  if (actual !== value) throw new Error(`SQLite answered ${String(actual)} to PRAGMA ${name} = ${value}`)
}
