import type { KeyObject } from 'node:crypto'
import { mkdir, stat, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { CaError } from '../errors.ts'
import { encryptPkcs8 } from '../pki/keys/pkcs8.ts'

/** Writes the key encrypted, readable by its owner alone; an existing file is never replaced (O_EXCL). */
export async function writeKeyFile(file: string, key: KeyObject, passphrase: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await writeFile(file, await encryptPkcs8(key, passphrase), { mode: 0o600, flag: 'wx' })
}

/** Refuses a key file that others may read: the mode may have been widened by a copy or a restore. */
export async function checkKeyFileMode(file: string): Promise<void> {
  const found = await stat(file).catch((cause: unknown) => {
    throw new CaError(
      'badConfiguration',
      `The key file ${file} cannot be read. Put it back, or restore it from a backup.`,
      { cause },
    )
  })
  if (found.mode & 0o077) {
    throw new CaError(
      'badConfiguration',
      `The key file ${file} may be read by others. Run: chmod 600 ${file}`,
    )
  }
}
