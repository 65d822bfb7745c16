import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Connection } from './connection.ts'

/**
 * What a checkpoint does not do for the database file by itself, on a disk that may fail to write what it took. `descriptor`: of that
 * file. Nobody may close it while any connection of this process is open: with it go all locks of the process.
 */

const FRAME_HEADER_BYTES = 24
const WAL_HEADER_BYTES = 32
/** Where eight octets stand that are the same in the WAL's header and in each frame that counts. */
const WAL_SALTS = 16
const FRAME_SALTS = 8

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

/**
 * Once a sync of the file failed: writes and syncs the pages that are in it as far as SQLite knows, and that no later checkpoint writes
 * again. A checkpoint that does not reach the WAL's end counts its pages as moved though it syncs nothing; it is the last one's sync
 * that fails, and the kernel has dropped what it could not write. `db`: the one that commits, so that none is added meanwhile.
 */
export function writeAgain(db: Connection, descriptor: number): void {
  const size = pageSize(db)
  const [{ log, checkpointed }] = db.pragma('wal_checkpoint(NOOP)') as [{ log: number; checkpointed: number }]
  if (checkpointed <= 0) return
  const wal = openSync(`${db.name}-wal`, 'r')
  try {
    const offset = (frame: number) => WAL_HEADER_BYTES + (frame - 1) * (FRAME_HEADER_BYTES + size)
    const header = Buffer.alloc(FRAME_HEADER_BYTES)
    const newest = new Map<number, number>()
    readSync(wal, header, 0, header.length, 0)
    const salts = Buffer.from(header.subarray(WAL_SALTS, WAL_SALTS + 8))
    for (let frame = 1; frame <= log; frame++) {
      readSync(wal, header, 0, header.length, offset(frame))
      if (!header.subarray(FRAME_SALTS, FRAME_SALTS + 8).equals(salts)) throw unreadable(frame)
      newest.set(header.readUInt32BE(), frame)
    }
    hearOfEarlierFailures(descriptor)
    const pages = db.pragma('page_count', { simple: true }) as number
    const content = Buffer.alloc(size)
    for (const [page, frame] of newest) {
      if (frame > checkpointed || page > pages) continue
      readSync(wal, content, 0, size, offset(frame) + FRAME_HEADER_BYTES)
      writeSync(descriptor, content, 0, size, (page - 1) * size)
    }
    fsyncSync(descriptor)
  } catch (error) {
    throw sqliteError(error)
  } finally {
    closeSync(wal)
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

function hearOfEarlierFailures(descriptor: number): void {
  try {
    fsyncSync(descriptor)
  } catch {
    // The kernel tells each descriptor once. It says nothing of what is written from now on.
  }
}

/** Its content is not to go over a page, and its page number may be none. */
function unreadable(frame: number): Error {
  return new Database.SqliteError(`Frame ${frame} of the WAL was not kept`, 'SQLITE_IOERR_CORRUPTFS')
}

/** As SQLite tells the same. */
function sqliteError(error: unknown): unknown {
  if (error instanceof Database.SqliteError) return error
  const { code, syscall, message } = error as NodeJS.ErrnoException
  if (syscall === 'ftruncate') return new Database.SqliteError(message, 'SQLITE_IOERR_TRUNCATE')
  if (syscall === 'fsync') return new Database.SqliteError(message, 'SQLITE_IOERR_FSYNC')
  if (code === 'ENOSPC' || code === 'EDQUOT') return new Database.SqliteError(message, 'SQLITE_FULL')
  return new Database.SqliteError(message, 'SQLITE_IOERR_WRITE')
}
