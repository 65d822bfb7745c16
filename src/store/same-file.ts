import { statSync } from 'node:fs'
import Database from 'better-sqlite3'
import { CaError } from '../errors.ts'
import { accessRefusal } from './database-access.ts'

/** Unlike `existsSync` it tells what nobody may look at from what is not there: another user's database is no missing one. */
export function isDatabaseThere(file: string): boolean {
  try {
    return identityOf(file) !== null
  } catch (cause) {
    const { message } = cause as Error
    const refusal = accessRefusal(file, cause)
    if (refusal) throw refusal
    throw new CaError('badConfiguration', `The database ${file} cannot be reached: ${message}.`, { cause })
  }
}

/** Which file a name leads to, by what SQLite itself tells files apart; null where there is none. */
export function identityOf(file: string): string | null {
  const found = statSync(file, { bigint: true, throwIfNoEntry: false })
  return found ? `${found.dev}:${found.ino}` : null
}

/**
 * Throws where the name leads to another file by now, or to none. An open connection goes on in the one that was moved or removed
 * as if nothing were amiss, and each that is opened anew reads what is there now. SQLite looks for that where it keeps a rollback
 * journal, and not with a WAL.
 */
export function refuseAnother(file: string, identity: string): void {
  let now: string | null
  try {
    now = identityOf(file)
  } catch {
    // Nobody can tell: what is open is as good as before.
    return
  }
  if (now === identity) return
  throw new Database.SqliteError(
    `${file} was moved, removed or replaced while it was in use: put it back, or stop the service`,
    'SQLITE_READONLY_DBMOVED',
  )
}
