import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { CaError } from '../errors.ts'

/** As much work as for a key file: 16 MiB of memory, some tens of milliseconds, outside of the event loop. */
const COST = { N: 16384, r: 8, p: 1 }
const SALT = 16
const IV = 12
const TAG = 16

const derive = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt)

/** Encrypts a short secret for the database: salt, IV, tag and AES-256-GCM under a key that scrypt makes of the passphrase. */
export async function seal(secret: Buffer, passphrase: string): Promise<Buffer> {
  const salt = randomBytes(SALT)
  const iv = randomBytes(IV)
  const cipher = createCipheriv('aes-256-gcm', await derive(passphrase, salt, 32, COST), iv)
  const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
  return Buffer.concat([salt, iv, cipher.getAuthTag(), sealed])
}

/** Throws `CaError` "internal" where the passphrase is another, or the octets were changed. */
export async function unseal(sealed: Buffer, passphrase: string): Promise<Buffer> {
  const salt = sealed.subarray(0, SALT)
  const iv = sealed.subarray(SALT, SALT + IV)
  const tag = sealed.subarray(SALT + IV, SALT + IV + TAG)
  const decipher = createDecipheriv('aes-256-gcm', await derive(passphrase, salt, 32, COST), iv, {
    authTagLength: TAG,
  })
  decipher.setAuthTag(tag)
  try {
    return Buffer.concat([decipher.update(sealed.subarray(SALT + IV + TAG)), decipher.final()])
  } catch (cause) {
    throw new CaError('internal', 'A secret in the database was sealed under another passphrase.', { cause })
  }
}
