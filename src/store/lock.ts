import Database from 'better-sqlite3'
import { CaError } from '../errors.ts'

/**
 * Holds an exclusive lock for as long as this process serves the database: an open exclusive transaction on an
 * empty SQLite file beside it. The operating system drops the lock with the process, even on SIGKILL, so no
 * stale lock needs clearing. The database itself cannot carry it, since our own readers must get in.
 *
 * POSIX drops a process's locks on a file when it closes any descriptor of that file: nobody in this process may
 * open the lock file or the database except through SQLite.
 */
export function lockDatabase(file: string): { release(): void } {
  const db = new Database(`${file}.lock`, { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    db.close()
    throw new CaError(
      'badConfiguration',
      `The database ${file} is in use by another Chancery process. Stop that one first, or use another data directory.`,
      { cause },
    )
  }
  return { release: () => db.close() }
}
