import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import Database from 'better-sqlite3'
import { expect, onTestFinished, test } from 'vitest'
import { wholeSchema } from '../../scripts/whole-schema.ts'
import { applyAll, createSchema, migrate } from '../../src/store/migrate.ts'
import { builtSchema } from '../../src/store/whole-schema.ts'
import { temporaryDirectory } from './temporary.ts'

function made(make: (db: Database.Database) => void): Database.Database {
  const db = new Database(':memory:')
  onTestFinished(() => void db.close())
  make(db)
  return db
}

/** All that a database without rows consists of. */
function contents(db: Database.Database) {
  const names = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
  return {
    schema: db.prepare('SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY name').all(),
    columns: names
      .pluck()
      .all()
      .map((name) => [name, db.pragma(`table_xinfo("${name}")`), db.pragma(`foreign_key_list("${name}")`)]),
    application: db.pragma('application_id', { simple: true }),
    version: db.pragma('user_version', { simple: true }),
  }
}

test('one script makes what all migrations make', () => {
  const stepped = made(applyAll)
  const whole = made((db) => db.exec(wholeSchema()))
  expect(contents(whole)).toEqual(contents(stepped))
  expect(contents(made(createSchema))).toEqual(contents(stepped))
  // Nothing is left to be done.
  migrate(whole)
  expect(contents(whole)).toEqual(contents(stepped))
})

test('a script of other migrations is not taken', () => {
  const file = join(temporaryDirectory(), 'schema.sql')
  const url = pathToFileURL(file)
  expect(builtSchema(url)).toBeNull()
  writeFileSync(file, wholeSchema())
  expect(builtSchema(url)).toBe(wholeSchema())
  writeFileSync(file, wholeSchema().replace(/^-- ../, '-- zz'))
  expect(builtSchema(url)).toBeNull()
})
