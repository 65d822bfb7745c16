import Database from 'better-sqlite3'
import { CaError } from '../errors.ts'
import { LEAVE_OUT } from '../package-files.ts'

/** Before anything is written: the driver looks for its native part at the first database only. */
export function refuseMissingDriver(): void {
  try {
    new Database(':memory:').close()
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n', 1)
    throw new CaError(
      'badConfiguration',
      `The database's driver cannot be loaded: ${reason}. If a bundler made this program, ${LEAVE_OUT}; else install better-sqlite3 anew on this machine.`,
      { cause },
    )
  }
}
