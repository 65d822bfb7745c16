import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { giveToOwner, makePrivateDirectory, writeNewFile } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { dataFiles } from './data-directory.ts'
import type { Environment } from './environment.ts'
import { newSecret, readSecretFile } from './secret-file.ts'

/** Never part of a `Config`, never logged, never in an error. */
export interface Secrets {
  /** The passphrase of the authorities' private keys; null before `init` has made one. */
  readonly passphrase: string | null
}

/**
 * The passphrase from CHANCERY_PASSPHRASE_FILE, CHANCERY_PASSPHRASE, the systemd credential
 * `chancery-passphrase` or the file `passphrase` in the data directory: the first that is there.
 */
export function loadSecrets(environment: Environment, dir: string): Secrets {
  const {
    CHANCERY_PASSPHRASE_FILE: file,
    CHANCERY_PASSPHRASE: text,
    CREDENTIALS_DIRECTORY: credentials,
  } = environment
  if (file && text) {
    throw new CaError('badConfiguration', 'Set CHANCERY_PASSPHRASE_FILE or CHANCERY_PASSPHRASE, not both.')
  }
  if (file) return { passphrase: readSecretFile(file, 'The passphrase file') }
  if (text) return { passphrase: text }
  const credential = credentials ? join(credentials, 'chancery-passphrase') : null
  if (credential && existsSync(credential)) {
    return { passphrase: readSecretFile(credential, 'The passphrase credential', { groupMayRead: true }) }
  }
  const own = dataFiles(dir).passphrase
  return { passphrase: existsSync(own) ? readSecretFile(own, 'The passphrase file') : null }
}

/**
 * The passphrase of the root's key: from the file, or one made and kept in the data directory, from where it is to be
 * taken offline. It is never that of the intermediate, which the service has at hand.
 */
export function ensureRootPassphrase(dir: string, file?: string): string {
  if (file) return readSecretFile(file, 'The root passphrase file')
  const own = dataFiles(dir).rootPassphrase
  if (!existsSync(own)) keepNewSecret(dir, own)
  return readSecretFile(own, 'The root passphrase file')
}

/** The secrets with a passphrase for sure: where none was given, one is made and kept in the data directory. */
export function ensurePassphrase(secrets: Secrets, dir: string): Secrets & { readonly passphrase: string } {
  if (secrets.passphrase !== null) return { ...secrets, passphrase: secrets.passphrase }
  const own = dataFiles(dir).passphrase
  keepNewSecret(dir, own)
  return { ...secrets, passphrase: readSecretFile(own, 'The passphrase file') }
}

/** Where another process has put one there meanwhile, that one stands. */
function keepNewSecret(dir: string, file: string): void {
  makePrivateDirectory(dir)
  try {
    writeNewFile(file, `${newSecret()}\n`, 0o600)
    giveToOwner(dir, file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
