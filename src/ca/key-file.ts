import type { KeyObject } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { makePrivateDirectory, writeNewFile } from '../durable-files.ts'
import { CaError } from '../errors.ts'
import { encryptPkcs8 } from '../pki/keys/pkcs8.ts'

/**
 * Writes the key encrypted, readable by its owner alone, durably. "conflict" where a file is: it is never replaced; "storeFailed" where
 * the disk does not take it.
 */
export async function writeKeyFile(file: string, key: KeyObject, passphrase: string): Promise<void> {
  const pem = await encryptPkcs8(key, passphrase)
  try {
    makePrivateDirectory(dirname(file))
    writeNewFile(file, pem, 0o600)
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code !== 'EEXIST') {
      throw new CaError('storeFailed', `The key could not be written to ${file}: ${message}.`, {
        retryAfter: 1,
        cause,
      })
    }
    throw new CaError(
      'conflict',
      `There is a key file ${file} already, which may belong to an authority of a lost database. Move it away, or choose another id.`,
      { cause },
    )
  }
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
