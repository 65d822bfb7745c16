import { randomBytes } from 'node:crypto'
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs'
import { CaError } from '../errors.ts'

/**
 * The text of a file that holds a secret, without its last line break. A mode wider than 0600 is refused, since
 * others on the machine could have read it already.
 * `groupMayRead`: systemd gives services their credentials through an access control list, whose mask shows as
 * group permissions.
 */
export function readSecretFile(file: string, what: string, { groupMayRead = false } = {}): string {
  let descriptor: number
  try {
    descriptor = openSync(file, 'r')
  } catch (error) {
    throw new CaError('badConfiguration', `${what} cannot be read: ${(error as Error).message}.`, {
      cause: error,
    })
  }
  try {
    const mode = fstatSync(descriptor).mode & 0o777
    // Windows has no such modes: every file reads as 0666 or 0444 there.
    if (process.platform !== 'win32' && mode & (groupMayRead ? 0o037 : 0o077)) {
      throw new CaError(
        'badConfiguration',
        `${what} ${file} has mode 0${mode.toString(8)}, so others can read it: chmod 600 it, and make a new secret if they may have.`,
      )
    }
    const text = readFileSync(descriptor, 'utf8').replace(/\r?\n$/, '')
    if (text === '') throw new CaError('badConfiguration', `${what} ${file} is empty.`)
    return text
  } finally {
    closeSync(descriptor)
  }
}

/** 256 random bits as text. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url')
}
