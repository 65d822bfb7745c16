import { closeSync, openSync, statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test, vi } from 'vitest'
import { openForWriting } from '../../src/store/connection.ts'
import { checkpoint } from '../../src/store/database-blocks.ts'
import { temporaryDatabase } from './temporary.ts'

const PAGE = 4096

function opened() {
  const file = temporaryDatabase()
  const db = openForWriting(file)
  const descriptor = openSync(file, 'r+')
  onTestFinished(() => {
    db.close()
    closeSync(descriptor)
  })
  db.exec('CREATE TABLE pages (content BLOB)')
  const insert = db.prepare('INSERT INTO pages SELECT randomblob(4096 * 100)')
  return { file, db, descriptor, commit: () => void insert.run() }
}

function found(file: string): unknown {
  const db = new Database(file, { readonly: true })
  try {
    return db.pragma('integrity_check', { simple: true })
  } finally {
    db.close()
  }
}

test('the database file has grown before a checkpoint writes into it, and is as long as its pages afterwards', () => {
  const { file, db, descriptor, commit } = opened()
  commit()
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
