import { fstatSync, fsyncSync, ftruncateSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Connection } from './connection.ts'

/**
 * What a checkpoint does not do for the database file by itself, on a disk that may fail to write what it took. `descriptor`: of that
 * file. Nobody may close it while any connection of this process is open: with it go all locks of the process.
 */

/** Pages that are written at once. */
const CHUNK_PAGES = 256

/**
 * Moves the WAL into the database file: as much as can be without waiting for anybody, or, by `TRUNCATE`, all of it, and gives the WAL's
 * blocks back. Throws where that fails. `more`: pages that may be added meanwhile.
 */
export function checkpoint(
  db: Connection,
  descriptor: number,
  mode: 'PASSIVE' | 'TRUNCATE' = 'PASSIVE',
  more = 0,
): void {
  growAhead(db, descriptor, more)
  db.pragma(`wal_checkpoint(${mode})`)
}

/**
 * The file grows by zeros, which are synced, before there is anything else in its new blocks. Where they cannot be written it is as long
 * as before. Else blocks that could not be written would stay in it, and ext4 reads such blocks as zeros after the next mount, though they
 * were written and synced again since.
 */
function growAhead(db: Connection, descriptor: number, more: number): void {
  const size = pageSize(db)
  const before = fstatSync(descriptor).size
  const needed = (db.pragma('page_count', { simple: true }) as number) * size
  if (needed <= before) return
  const zeros = Buffer.alloc(CHUNK_PAGES * size)
  const end = needed + more * size
  try {
    for (let at = before; at < end; )
      at += writeSync(descriptor, zeros, 0, Math.min(zeros.length, end - at), at)
    fsyncSync(descriptor)
  } catch (error) {
    cutTo(descriptor, before)
    throw sqliteError(error)
  }
}

function pageSize(db: Connection): number {
  return db.pragma('page_size', { simple: true }) as number
}

function cutTo(descriptor: number, size: number): void {
  try {
    ftruncateSync(descriptor, size)
  } catch (error) {
    throw sqliteError(error)
  }
}

/** As SQLite tells the same. */
function sqliteError(error: unknown): unknown {
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (syscall === 'ftruncate') return new Database.SqliteError(message, 'SQLITE_IOERR_TRUNCATE')
  if (syscall === 'fsync') return new Database.SqliteError(message, 'SQLITE_IOERR_FSYNC')
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Database.SqliteError(message, 'SQLITE_FULL')
  return new Database.SqliteError(message, 'SQLITE_IOERR_WRITE')
}
