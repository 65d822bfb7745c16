import { closeSync, existsSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import { giveToOwner } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { accessRefusal } from './database-access.ts'

/** Of SQLite's 512 octets, without "-journal" behind it. */
const LONGEST_PATH = 504

export interface DatabaseLock {
  release(): void
}

/**
 * Holds an exclusive lock for as long as this process serves the database, or makes it: an open exclusive transaction on
 * an empty SQLite file beside it. Null while somebody else holds it. The operating system drops the lock with the
 * process, even on SIGKILL, so no stale lock needs clearing. The database itself cannot carry it, since our own readers
 * must get in.
 *
 * POSIX drops a process's locks on a file when it closes any descriptor of that file: nobody in this process may
 * open the lock file except through SQLite. The same goes for the database, of which the writer has a descriptor until all are done.
 */
export function lockDatabase(file: string): DatabaseLock | null {
  const lockFile = `${file}.lock`
  let db: Database.Database | undefined
  try {
    createPrivate(lockFile)
    // Also one that is there: by root's command, which may have been interrupted behind making it, it would keep the service out for good.
    giveToOwner(existsSync(file) ? file : dirname(file), lockFile)
    db = new Database(lockFile, { timeout: 0 })
    db.exec('BEGIN EXCLUSIVE')
    return { release: () => db?.close() }
  } catch (cause) {
    db?.close()
    if (cause instanceof Database.SqliteError && cause.code.startsWith('SQLITE_BUSY')) return null
    const refusal = accessRefusal(file, cause)
    if (refusal) throw refusal
    if (Buffer.byteLength(lockFile) > LONGEST_PATH) {
      throw new CaError(
        'badConfiguration',
        `The path ${lockFile} is too long: SQLite takes ${LONGEST_PATH} octets. Use a data directory with a shorter one.`,
        { cause },
      )
    }
    throw new CaError(
      'badConfiguration',
      `The lock ${lockFile} cannot be taken: ${(cause as Error).message}.`,
      {
        cause,
      },
    )
  }
}

/** For its owner alone: whoever can open the file could hold the lock for ever. SQLite would make it as the umask says. */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
