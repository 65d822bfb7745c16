import Database from 'better-sqlite3'
import { plannedOnce } from './planned-once.ts'
import { refuseAnother } from './same-file.ts'

export type Connection = Database.Database

/** better-sqlite3 waits this long for a lock that someone else holds, such as a backup tool. */
export const BUSY_MILLISECONDS = 5000

/** Once a long reader has let the WAL grow, the next checkpoint cuts the file back to this. */
const WAL_BYTES_KEPT = 64 * 1024 * 1024

/**
 * Pages in the WAL (16 MiB) at which it is checkpointed. Four times SQLite's default: a page that many
 * commits touch, as those of indexes are, then goes to the database file once instead of four times.
 */
const CHECKPOINT_PAGES = 4000

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
 * The one connection that may write. The file must exist: a missing mount must not become a fresh database. Where `identity` is
 * known, it must be that file: a connection is opened anew where the others have the first one open.
 */
export function openForWriting(file: string, identity?: string | null): Connection {
  return opened(new Database(file, { fileMustExist: true, timeout: BUSY_MILLISECONDS }), (db) => {
    if (identity) refuseAnother(file, identity)
    expectPragma(db, 'journal_mode', 'wal')
    db.pragma(`journal_size_limit = ${WAL_BYTES_KEPT}`)
    // By `checkpointer`: SQLite's own keeps its failures to itself, and the WAL grows until the disk is full.
    db.pragma('wal_autocheckpoint = 0')
    // 16 MiB (negative: KiB): what a batch touches, and the upper levels of the indexes whose pages are hit at random. Of the
    // others a database of millions has more than could be held here; the system's cache has them as well, a copy away.
    db.pragma('cache_size = -16384')
    syncCommits(db)
  })
}

/**
 * What moves a long WAL into the database file, to be called after each commit. Throws where that file cannot be written or
 * synced: nothing is lost by it, since the pages stay in the WAL and are written anew by the next attempt.
 */
export function checkpointer(db: Connection): () => void {
  // Prepared, since parsing it costs more than the answer.
  const look = db.prepare<[], { log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)')
  return () => {
    const { log, checkpointed } = look.get()!
    if (log >= CHECKPOINT_PAGES && checkpointed < log) db.pragma('wal_checkpoint(PASSIVE)')
  }
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
