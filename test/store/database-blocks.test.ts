import { closeSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import Database from 'better-sqlite3'
import { expect, test, vi } from 'vitest'
import { openForReading } from '../../src/store/connection.ts'
import { checkpoint, writeAgain } from '../../src/store/database-blocks.ts'
import { databaseOfPages } from './pages.ts'

const PAGE = 4096

function found(file: string): unknown {
  const db = new Database(file, { readonly: true })
  try {
    return db.pragma('integrity_check', { simple: true })
  } finally {
    db.close()
  }
}

test('pages that a checkpoint moved and did not sync are written again, where a later sync failed', () => {
  const { file, db, descriptor, commit, log } = databaseOfPages('randomblob')
  commit(1)
  const moved = db.pragma('page_count', { simple: true }) as number
  const reader = openForReading(file)
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM pages').get()
  commit(1)
  checkpoint(db, descriptor)
  expect(log().checkpointed).toBeGreaterThan(100)
  expect(log().log).toBeGreaterThan(log().checkpointed)
  reader.close()
  // As the disk has it once the kernel has dropped what it could not write, and said so.
  writeSync(descriptor, Buffer.alloc(90 * PAGE), 0, 90 * PAGE, (moved - 90) * PAGE)
  writeAgain(db, descriptor)
  checkpoint(db, descriptor, 'TRUNCATE')
  expect(statSync(`${file}-wal`).size).toBe(0)
  expect(found(file)).toBe('ok')
})

test('the database file has grown before a checkpoint writes into it, and is as long as its pages afterwards', () => {
  const { file, db, descriptor, commit } = databaseOfPages('randomblob')
  commit(1)
  const pages = db.pragma('page_count', { simple: true }) as number
  const sizes: number[] = []
  const pragma = vi.spyOn(db, 'pragma').mockImplementation(function (this: typeof db, source, options) {
    if (source.startsWith('wal_checkpoint')) sizes.push(statSync(file).size / PAGE)
    return Object.getPrototypeOf(db).pragma.call(db, source, options)
  })
  checkpoint(db, descriptor, 'PASSIVE', 10)
  pragma.mockRestore()
  expect(sizes).toEqual([pages + 10])
  expect(statSync(file).size).toBe(pages * PAGE)
  expect(found(file)).toBe('ok')
})

test('a frame of the WAL that was not kept is written over no page', () => {
  const { file, db, descriptor, commit } = databaseOfPages('randomblob')
  commit(1)
  const reader = openForReading(file)
  reader.exec('BEGIN')
  reader.prepare('SELECT count(*) FROM pages').get()
  commit(1)
  checkpoint(db, descriptor)
  reader.close()
  const before = readFileSync(file)
  const wal = openSync(`${file}-wal`, 'r+')
  // Zeros, as ext4 reads blocks that could not be written.
  writeSync(wal, Buffer.alloc(PAGE), 0, PAGE, 32 + 10 * (24 + PAGE))
  closeSync(wal)
  expect(() => writeAgain(db, descriptor)).toThrow(
    expect.objectContaining({ code: 'SQLITE_IOERR_CORRUPTFS' }),
  )
  expect(readFileSync(file).equals(before)).toBe(true)
})
