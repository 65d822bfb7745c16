import { readdirSync } from 'node:fs'
import { packageFile } from '../package-files.ts'

export const MIGRATIONS = packageFile('migrations/')

/** "0001-initial.sql", ... in order; the place in the list is the number. */
export function migrationFiles(directory: URL): string[] {
  const names = readdirSync(directory)
    .filter((name) => name.endsWith('.sql'))
    .sort()
  for (const [index, name] of names.entries()) {
    if (!name.startsWith(`${String(index + 1).padStart(4, '0')}-`)) {
      throw new Error(`migrations are not numbered without gaps: ${name}`)
    }
  }
  return names
}
