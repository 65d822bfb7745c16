import { createHash, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { PBES2_KEY_LENGTH } from './pbes2.ts'

/** scrypt's cost: N a power of two, 128·N·r octets of memory. */
export interface ScryptCost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** 16 MiB; OpenSSL refuses to read keys that need more than 32 MiB. */
export const DEFAULT_COST: ScryptCost = { N: 16384, r: 8, p: 1 }

const SALT_LENGTH = 16
/** Of each kind. There is one passphrase, or two while it is changed; another salt for each file that others wrote. */
const MOST = 16
/** Milliseconds. */
const KEPT = 60_000

const derive = promisify<Buffer, Buffer, number, ScryptCost, Buffer>(scrypt)

const keys = new Map<string, Promise<Buffer>>()
const salts = new Map<string, Buffer>()

/**
 * What scrypt (RFC 7914) makes of a passphrase, in libuv's pool. The files of one data directory have the same passphrase and,
 * since `saltFor` gives each of them the same one, the same salt: so a start does the work once, and not for every file. It is
 * forgotten a minute later. Not to be kept by the caller.
 */
export function derivedKey(passphrase: Buffer, salt: Buffer, cost: ScryptCost): Promise<Buffer> {
  const name = nameOf(passphrase, cost, salt)
  const known = keys.get(name)
  if (known) return known
  const key = derive(passphrase, salt, PBES2_KEY_LENGTH, cost)
  keepWithin(keys, name, key)
  const forget = () => keys.get(name) === key && keys.delete(name)
  key.then(
    (octets) => setTimeout(() => forget() && octets.fill(0), KEPT).unref(),
    // What failed, for want of memory, may succeed the next time.
    forget,
  )
  return key
}

/**
 * The salt for what is encrypted under a passphrase: the one that this process has used, or found in a file, before. A salt
 * is there for the passphrase: who guesses it has all of its files, whatever their salts.
 */
export function saltFor(passphrase: Buffer, cost: ScryptCost): Buffer {
  const name = nameOf(passphrase, cost)
  const known = salts.get(name)
  if (known) return known
  const salt = randomBytes(SALT_LENGTH)
  keepWithin(salts, name, salt)
  return salt
}

/** To be called with the salt of a file that the passphrase has opened. */
export function useSalt(passphrase: Buffer, salt: Buffer, cost: ScryptCost): void {
  const name = nameOf(passphrase, cost)
  if (salt.length === SALT_LENGTH && !salts.has(name)) keepWithin(salts, name, salt)
}

function nameOf(passphrase: Buffer, { N, r, p }: ScryptCost, salt: Buffer = Buffer.alloc(0)): string {
  const hash = createHash('sha256').update(`${N} ${r} ${p} ${salt.toString('hex')} `)
  return hash.update(passphrase).digest('hex')
}

function keepWithin<T>(map: Map<string, T>, name: string, value: T): void {
  const [oldest] = map.keys()
  if (map.size >= MOST && oldest !== undefined) map.delete(oldest)
  map.set(name, value)
}
