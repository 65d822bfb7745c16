import { accessSync, closeSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { CaError } from '../errors.ts'

/** Where SQLite keeps what belongs to a database, and the lock of whoever serves it. */
const BESIDE = ['', '-wal', '-shm', '.lock']

/**
 * What SQLite does not tell by its "unable to open database file": which file keeps this process out, whose it is, and who asks. Null
 * where it may read and write all of them. To be asked once something has failed.
 */
export function accessRefusal(file: string, cause: unknown): CaError | null {
  const folders = [dirname(file)]
  while (folders[0] !== dirname(folders[0]!)) folders.unshift(dirname(folders[0]!))
  const files = BESIDE.map((suffix) => file + suffix)
  const refusal =
    firstOf(folders, constants.X_OK, 'entered') ??
    firstOf(files, constants.R_OK, 'read') ??
    firstOf([...files, dirname(file)], constants.W_OK, 'written')
  if (refusal === null) return null
  return new CaError('badConfiguration', `The database ${file} is out of reach: ${refusal}`, { cause })
}

/** Before anybody has it open. SQLite opens what it may not write for reading, and says so at the first command that writes. */
export function refuseReadOnly(file: string): void {
  if (accessCode(file, constants.R_OK | constants.W_OK) === null) return
  try {
    // A process may have rights that the look at the mode knows nothing of.
    closeSync(openSync(file, 'r+'))
  } catch (error) {
    throw accessRefusal(file, error) ?? error
  }
}

function firstOf(paths: readonly string[], mode: number, what: string): string | null {
  for (const path of paths) {
    const code = existsSync(path) ? accessCode(path, mode) : null
    if (code === 'EROFS') {
      return `${path} is on a file system that is mounted for reading only. Mount it for writing, then try again.`
    }
    if (code === 'EACCES' || code === 'EPERM') return `${path} may not be ${what}${ownerOf(path, what)}`
  }
  return null
}

function accessCode(path: string, mode: number): string | null {
  try {
    accessSync(path, mode)
    return null
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? null
  }
}

function ownerOf(path: string, what: string): string {
  const me = process.geteuid?.()
  // Windows has lists of its own instead.
  if (me === undefined) return '. Give it to the user of the service.'
  const { uid, gid, mode } = statSync(path)
  const octal = (mode & 0o7777).toString(8).padStart(4, '0')
  const todo =
    uid === me
      ? `Give its owner what the mode withholds: chmod u+rwX ${path}.`
      : `Run this as the user of the service; or, where that is user ${me}, ${yielded(path, me, what)}.`
  return ` by user ${me}, as who this runs: it belongs to user ${uid}, group ${gid}, and its mode is ${octal}. ${todo}`
}

function yielded(path: string, me: number, what: string): string {
  // It may be somebody's home.
  if (what === 'entered') return 'let it pass there, or have the data directory elsewhere'
  return `give it this and what else there belongs to another: chown ${me} ${path}`
}
