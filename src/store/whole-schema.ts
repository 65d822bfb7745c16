import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { packageFile } from '../package-files.ts'
import { MIGRATIONS, migrationFiles } from './migrations.ts'

/** Made with the bundle (scripts/whole-schema.ts): what all migrations make of an empty database, as one script. */
export const WHOLE_SCHEMA = 'dist/schema.sql'

/**
 * SQL for a new database in one go: step by step SQLite reads its schema anew again and again. Null where none was made of these
 * very migrations.
 */
export function builtSchema(file = packageFile(WHOLE_SCHEMA)): string | null {
  if (!existsSync(file)) return null
  const script = readFileSync(file, 'utf8')
  return script.startsWith(firstLine()) ? script : null
}

/** Of the script: which migrations it stands for. */
export function firstLine(): string {
  const hash = createHash('sha256')
  for (const name of migrationFiles(MIGRATIONS)) hash.update(readFileSync(new URL(name, MIGRATIONS)))
  return `-- ${hash.digest('hex')}\n`
}
