import { readFileSync } from 'node:fs'
import { CaError } from '../errors.ts'
import type { Connection } from './connection.ts'
import { MIGRATIONS, migrationFiles } from './migrations.ts'
import { builtSchema } from './whole-schema.ts'
import { defineChainHash } from './write/older-chain.ts'

/** "CHCY", set by the first migration. */
const APPLICATION_ID = 0x43484359

/** Gives a new, empty database its schema, in one transaction: half of it would be of no use to anybody. */
export function createSchema(db: Connection): void {
  const whole = builtSchema()
  db.transaction(() => {
    if (whole === null) applyAll(db)
    else db.exec(whole)
  }).immediate()
}

/** Gives a new, empty database its schema step by step. */
export function applyAll(db: Connection): void {
  apply(db, 0, MIGRATIONS)
}

/**
 * Brings an existing database up to the schema that this code knows. `badConfiguration` if the file is another
 * program's, or was written by a newer Chancery: guessing at unknown tables could lose a revocation.
 */
export function migrate(db: Connection, directory: URL = MIGRATIONS): void {
  checkOurs(db)
  const version = db.pragma('user_version', { simple: true }) as number
  const newest = migrationFiles(directory).length
  if (version > newest) {
    throw new CaError(
      'badConfiguration',
      `The database ${db.name} has schema ${version}, but this Chancery knows only up to ${newest}. ` +
        'Run the newer Chancery that wrote it, or restore a backup from before the upgrade.',
    )
  }
  apply(db, version, directory)
}

/** "badConfiguration" where another program made the file, or it is empty. `name`: of the database, where `db` is a copy of it. */
export function checkOurs(db: Connection, name = db.name): void {
  if (db.pragma('application_id', { simple: true }) !== APPLICATION_ID) {
    throw new CaError('badConfiguration', `${name} is not a Chancery database.`)
  }
}

/** The newest schema that this code knows. */
export function newestSchema(): number {
  return migrationFiles(MIGRATIONS).length
}

/** Each migration and the new version number are one transaction: a crash in between leaves the old schema whole. */
function apply(db: Connection, from: number, directory: URL): void {
  for (const [index, name] of migrationFiles(directory).entries()) {
    if (index < from) continue
    const sql = readFileSync(new URL(name, directory), 'utf8')
    defineChainHash(db)
    db.transaction(() => {
      db.exec(sql)
      db.pragma(`user_version = ${index + 1}`)
    }).immediate()
  }
}
