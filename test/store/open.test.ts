import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, test } from 'vitest'
import { openForReading, openForWriting } from '../../src/store/connection.ts'
import { lockDatabase } from '../../src/store/lock.ts'
import { createDatabase, openStore } from '../../src/store/open.ts'
import { authority, issuance, recorded, revocation, serial } from './records.ts'
import { temporaryDatabase, temporaryDirectory } from './temporary.ts'

describe('createDatabase', () => {
  test('makes a file for its owner alone', () => {
    expect(statSync(temporaryDatabase()).mode & 0o777).toBe(0o600)
  })

  test('leaves an existing file as it is', () => {
    const file = join(temporaryDirectory(), 'chancery.db')
    writeFileSync(file, 'something of value')
    expect(() => createDatabase(file)).toThrow(expect.objectContaining({ code: 'conflict' }))
    expect(readFileSync(file, 'utf8')).toBe('something of value')
  })

  test('says so when the directory is missing', () => {
    const file = join(temporaryDirectory(), 'absent', 'chancery.db')
    expect(() => createDatabase(file)).toThrow(expect.objectContaining({ code: 'badConfiguration' }))
  })
})

test('a path that is too long for SQLite is called that', () => {
  const lockIn = (octets: number) => {
    const above = join(temporaryDirectory(), 'a'.repeat(230))
    const below = octets - join(above, '/', 'chancery.db.lock').length - 1
    const directory = join(above, 'b'.repeat(below))
    mkdirSync(directory, { recursive: true })
    return lockDatabase(join(directory, 'chancery.db'))
  }
  const lock = lockIn(504)
  expect(lock).not.toBeNull()
  lock?.release()
  expect(() => lockIn(505)).toThrow(expect.objectContaining({ detail: expect.stringContaining('too long') }))
})

describe('every connection', () => {
  test('syncs each commit, also after a reopening', () => {
    const file = temporaryDatabase()
    for (let time = 0; time < 2; time++) {
      const writer = openForWriting(file)
      const reader = openForReading(file)
      expect(writer.pragma('journal_mode', { simple: true })).toBe('wal')
      for (const db of [writer, reader]) expect(db.pragma('synchronous', { simple: true })).toBe(2)
      expect(() => reader.exec('DELETE FROM words')).toThrow(/readonly/)
      reader.close()
      writer.close()
    }
  })

  test('needs an existing file', () => {
    const file = join(temporaryDirectory(), 'absent.db')
    expect(() => openForWriting(file)).toThrow()
    expect(() => openForReading(file)).toThrow()
    expect(existsSync(file)).toBe(false)
  })
})

describe('openStore', () => {
  test.each([false, true])(
    'finds again what was written, and leaves no WAL behind, writing in this thread: %s',
    async (writesHere) => {
      const file = temporaryDatabase()
      const first = await openStore({ file, writesHere })
      await first.write('recordAuthority', authority())
      await first.write('recordIssuance', issuance(1))
      await first.write('revoke', revocation(1))
      expect(first.healthy).toBe(true)
      await Promise.all([first.close(), first.close()])
      expect(existsSync(`${file}-wal`)).toBe(false)
      const second = await openStore({ file })
      expect(await second.read.certificate(serial(1))).toMatchObject({ revocation: { reason: 1 } })
      await expect(second.write('recordIssuance', issuance(2))).resolves.toEqual(recorded(2))
      await second.close()
    },
  )

  test('writes in this thread as in one of its own: refuses what is no database of ours, and what a command forbids', async () => {
    const file = join(temporaryDirectory(), 'chancery.db')
    writeFileSync(file, 'something of value, but no database')
    const refused = { code: 'badConfiguration', detail: expect.stringContaining('cannot be opened') }
    await expect(openStore({ file, writesHere: true })).rejects.toMatchObject(refused)
    await expect(openStore({ file })).rejects.toMatchObject(refused)

    const store = await openStore({ file: temporaryDatabase(), writesHere: true })
    await store.write('recordAuthority', authority())
    await expect(store.write('recordAuthority', authority())).rejects.toMatchObject({ code: 'conflict' })
    expect(await store.read.authorities()).toHaveLength(1)
    await store.close()
    await expect(store.write('recordIssuance', issuance(1))).rejects.toMatchObject({ code: 'storeFailed' })
  })

  test('does not call a database missing that it cannot reach', async () => {
    const file = join(temporaryDirectory(), 'chancery.db')
    // As a directory of another user does, which nothing keeps root from.
    symlinkSync(file, file)
    await expect(openStore({ file })).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringContaining('cannot be reached: ELOOP'),
    })
  })

  test('does not make a database that is missing', async () => {
    const file = join(temporaryDirectory(), 'chancery.db')
    await expect(openStore({ file })).rejects.toMatchObject({ code: 'badConfiguration' })
    expect(existsSync(file)).toBe(false)
  })

  test('refuses a newer schema, and leaves it untouched', async () => {
    const file = temporaryDatabase()
    const db = new Database(file)
    db.pragma('user_version = 9999')
    db.close()
    await expect(openStore({ file })).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringContaining('schema 9999'),
    })
    const after = new Database(file)
    expect(after.pragma('user_version', { simple: true })).toBe(9999)
    after.close()
  })

  test.each([
    ['an empty file', ''],
    ['another kind of file', 'not a database, but long enough to be mistaken for one'.repeat(100)],
  ])('refuses %s', async (_, content) => {
    const file = join(temporaryDirectory(), 'chancery.db')
    writeFileSync(file, content)
    await expect(openStore({ file })).rejects.toMatchObject({ code: 'badConfiguration' })
    await expect(openStore({ file })).rejects.not.toMatchObject({ detail: expect.stringContaining('in use') })
  })

  test("refuses another program's database", async () => {
    const file = join(temporaryDirectory(), 'chancery.db')
    new Database(file).exec('CREATE TABLE notes (text TEXT)').close()
    await expect(openStore({ file })).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringContaining('not a Chancery database'),
    })
  })

  test('refuses a database that is served already, by whatever path', async () => {
    const file = temporaryDatabase()
    const link = join(temporaryDirectory(), 'link.db')
    symlinkSync(file, link)
    const store = await openStore({ file })
    for (const path of [file, link]) {
      await expect(openStore({ file: path })).rejects.toMatchObject({
        code: 'badConfiguration',
        detail: expect.stringContaining('in use'),
      })
    }
    await expect(store.write('recordAuthority', authority())).resolves.toEqual({})
    await store.close()
    await (await openStore({ file: link })).close()
  })
})
