import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { CaError } from '../errors.ts'
import { RecentMap } from '../recent-map.ts'

/** As much work as for a key file: 16 MiB of memory, some tens of milliseconds, outside of the event loop. */
const COST = { N: 16384, r: 8, p: 1 }
const SALT = 16
const IV = 12
const TAG = 16
/** Keys that are kept; there is one for each run of the service that sealed something. */
const MOST_KEYS = 100

const derive = promisify<string, Buffer, number, typeof COST, Buffer>(scrypt)

/**
 * Encrypts short secrets for the database: salt, IV, tag and AES-256-GCM under a key that scrypt makes of the passphrase. The
 * salt is that of the process, so that whoever makes it open secrets again and again costs it the work once.
 */
export class SealedSecrets {
  readonly #passphrase: string
  readonly #salt = randomBytes(SALT)
  /** By the salt in hexadecimal. */
  readonly #keys = new RecentMap<string, Promise<Buffer>>(MOST_KEYS)

  constructor(passphrase: string) {
    this.#passphrase = passphrase
  }

  async seal(secret: Buffer): Promise<Buffer> {
    const iv = randomBytes(IV)
    const cipher = createCipheriv('aes-256-gcm', await this.#key(this.#salt), iv)
    const sealed = Buffer.concat([cipher.update(secret), cipher.final()])
    return Buffer.concat([this.#salt, iv, cipher.getAuthTag(), sealed])
  }

  /** Throws `CaError` "internal" where the passphrase is another, or the octets were changed. */
  async unseal(sealed: Buffer): Promise<Buffer> {
    const salt = sealed.subarray(0, SALT)
    const iv = sealed.subarray(SALT, SALT + IV)
    const tag = sealed.subarray(SALT + IV, SALT + IV + TAG)
    const decipher = createDecipheriv('aes-256-gcm', await this.#key(salt), iv, { authTagLength: TAG })
    decipher.setAuthTag(tag)
    try {
      return Buffer.concat([decipher.update(sealed.subarray(SALT + IV + TAG)), decipher.final()])
    } catch (cause) {
      throw new CaError('internal', 'A secret in the database was sealed under another passphrase.', {
        cause,
      })
    }
  }

  #key(salt: Buffer): Promise<Buffer> {
    const name = salt.toString('hex')
    const known = this.#keys.get(name)
    if (known) return known
    const key = derive(this.#passphrase, salt, 32, COST)
    this.#keys.set(name, key)
    // What failed, for want of memory, may succeed the next time.
    key.catch(() => this.#keys.delete(name))
    return key
  }
}
