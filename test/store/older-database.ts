import { copyFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Connection } from '../../src/store/connection.ts'
import { migrate } from '../../src/store/migrate.ts'
import { temporaryDirectory } from './temporary.ts'

/** Gives an empty database the schema that there was before a migration, named by what follows its number. */
export function migrateToBefore(db: Connection, migration: string): void {
  const directory = temporaryDirectory()
  const migrations = new URL('../../migrations/', import.meta.url)
  const names = readdirSync(migrations).sort()
  for (const name of names.slice(
    0,
    names.findIndex((one) => one.endsWith(`-${migration}.sql`)),
  ))
    copyFileSync(new URL(name, migrations), join(directory, name))
  db.exec(`PRAGMA application_id = ${0x43484359}`)
  migrate(db, pathToFileURL(`${directory}/`))
}
