import { copyFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { type Connection, openForWriting } from '../../src/store/connection.ts'
import { migrate } from '../../src/store/migrate.ts'
import { temporaryDatabase, temporaryDirectory } from './temporary.ts'

const FIRST = '0001-initial.sql'

/** A database at schema 1, and a directory of migrations that knows more. */
function outdated(further: Record<string, string>): { db: Connection; directory: URL } {
  const directory = temporaryDirectory()
  copyFileSync(new URL(`../../migrations/${FIRST}`, import.meta.url), join(directory, FIRST))
  for (const [name, sql] of Object.entries(further)) writeFileSync(join(directory, name), sql)
  const db = openForWriting(temporaryDatabase())
  db.pragma('user_version = 1')
  onTestFinished(() => void db.close())
  return { db, directory: pathToFileURL(`${directory}/`) }
}

const version = (db: Connection) => db.pragma('user_version', { simple: true })
const tables = (db: Connection) =>
  db.prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'added%'").pluck().all()

test('an older database is brought forward, and then left alone', () => {
  const { db, directory } = outdated({
    '0002-one.sql': 'CREATE TABLE added_one (x INTEGER) STRICT;',
    '0003-two.sql': 'CREATE TABLE added_two (x INTEGER) STRICT;',
  })
  migrate(db, directory)
  migrate(db, directory)
  expect(version(db)).toBe(3)
  expect(tables(db)).toEqual(['added_one', 'added_two'])
})

test('a migration that fails leaves the schema as it was before it', () => {
  const { db, directory } = outdated({
    '0002-one.sql': 'CREATE TABLE added_one (x INTEGER) STRICT;',
    '0003-two.sql': 'CREATE TABLE added_two (x INTEGER) STRICT; CREATE TABLE added_one (x INTEGER);',
  })
  expect(() => migrate(db, directory)).toThrow(/already exists/)
  expect(version(db)).toBe(2)
  expect(tables(db)).toEqual(['added_one'])
})

test('a gap in the numbers is refused before anything is done', () => {
  const { db, directory } = outdated({ '0003-two.sql': 'CREATE TABLE added_two (x INTEGER) STRICT;' })
  expect(() => migrate(db, directory)).toThrow(/numbered/)
  expect(version(db)).toBe(1)
})
