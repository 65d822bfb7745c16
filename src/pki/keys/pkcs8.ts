import { createPrivateKey, type KeyObject } from 'node:crypto'
import { CaError } from '../../errors.ts'
import { DerReader, type Element } from '../der/read.ts'
import { integer, octetString, oid, sequence, TAG } from '../der/write.ts'
import { decodePem, encodePem } from '../pem.ts'
import { DEFAULT_COST, derivedKey, type ScryptCost, saltFor, useSalt } from './derived-keys.ts'
import { pbes2Decrypt, pbes2Encrypt, readPbes2 } from './pbes2.ts'

/** OpenSSL's. */
const MEMORY_LIMIT = 32 * 1024 * 1024

/** Node and OpenSSL read no longer passphrase. */
const LONGEST_PASSPHRASE = 1024

const ID_SCRYPT = '1.3.6.1.4.1.11591.4.11'

/** Begins, in libuv's pool, the work that the first `encryptPkcs8` with this passphrase would wait for. */
export function prepareEncryption(passphrase: string): void {
  const octets = Buffer.from(passphrase)
  // Who encrypts hears of a failure.
  derivedKey(octets, saltFor(octets, DEFAULT_COST), DEFAULT_COST).catch(() => {})
}

/**
 * A private key as PEM "ENCRYPTED PRIVATE KEY": PBES2 with scrypt (RFC 7914 7) and AES-256-CBC. `CaError`
 * 'badConfiguration' on a passphrase that could not be used again; RangeError on a cost that OpenSSL refuses.
 */
export async function encryptPkcs8(
  key: KeyObject,
  passphrase: string | Buffer,
  cost: ScryptCost = DEFAULT_COST,
): Promise<string> {
  const octets = Buffer.from(passphrase)
  if (octets.length === 0 || octets.length > LONGEST_PASSPHRASE) {
    throw new CaError('badConfiguration', `A key passphrase has 1 to ${LONGEST_PASSPHRASE} octets.`)
  }
  const { N, r, p } = cost
  if (memoryOf(cost) > MEMORY_LIMIT) {
    throw new RangeError('OpenSSL would refuse this scrypt cost')
  }
  const salt = saltFor(octets, cost)
  const secret = await derivedKey(octets, salt, cost)
  const plain = key.export({ format: 'der', type: 'pkcs8' })
  const kdf = sequence(oid(ID_SCRYPT), sequence(octetString(salt), integer(N), integer(r), integer(p)))
  const { algorithm, ciphertext } = pbes2Encrypt(kdf, secret, plain)
  plain.fill(0)
  return encodePem('ENCRYPTED PRIVATE KEY', sequence(algorithm, octetString(ciphertext)))
}

/**
 * The key in an encrypted PKCS#8 PEM, whatever PBES2 scheme OpenSSL knows. `CaError` 'badConfiguration' on a
 * wrong passphrase, and on a key that is not encrypted at all: that one would otherwise be read without a word.
 */
export async function decryptPkcs8(pem: string, passphrase: string | Buffer): Promise<KeyObject> {
  if (
    !/^-----BEGIN ENCRYPTED PRIVATE KEY-----\r?$/m.test(pem) ||
    /-----BEGIN (?!ENCRYPTED)[A-Z ]*PRIVATE KEY/.test(pem)
  ) {
    throw new CaError(
      'badConfiguration',
      'The private key is not an encrypted PKCS#8 PEM file; encrypt it with `openssl pkcs8 -topk8 -scrypt`.',
    )
  }
  try {
    return (await decryptScrypt(pem, passphrase)) ?? createPrivateKey({ key: pem, format: 'pem', passphrase })
  } catch (cause) {
    throw new CaError(
      'badConfiguration',
      'The private key cannot be decrypted: the passphrase is not the right one, or the file is damaged.',
      { cause },
    )
  }
}

/**
 * The key in a file as `encryptPkcs8` writes it, derived in libuv's pool: several can be read at once, and nothing waits for
 * them. Null where the file is another's.
 */
async function decryptScrypt(pem: string, passphrase: string | Buffer): Promise<KeyObject | null> {
  const found = readScryptFile(pem)
  if (!found || memoryOf(found.cost) > MEMORY_LIMIT) return null
  const octets = Buffer.from(passphrase)
  const secret = await derivedKey(octets, found.salt, found.cost)
  const plain = pbes2Decrypt(found.encrypted, secret)
  const key = createPrivateKey({ key: plain, format: 'der', type: 'pkcs8' })
  plain.fill(0)
  useSalt(octets, found.salt, found.cost)
  return key
}

/** Null also where it cannot be read: OpenSSL, which is asked next, has the last word. */
function readScryptFile(pem: string) {
  try {
    const [block, ...more] = decodePem(pem, 'private key')
    const encrypted = more.length === 0 ? readPbes2(block!.der) : null
    const derivation = encrypted && readScrypt(encrypted.kdf)
    return derivation && { encrypted, ...derivation }
  } catch {
    return null
  }
}

/** scrypt-params (RFC 7914 7.1). Null where another function derives the key. */
function readScrypt(kdf: Element): { salt: Buffer; cost: ScryptCost } | null {
  const algorithm = new DerReader(kdf.content, 'encrypted private key')
  if (algorithm.oid() !== ID_SCRYPT) return null
  const parameters = algorithm.enter()
  const { content: salt } = parameters.expect(TAG.octetString)
  const cost = {
    N: parameters.smallInteger(),
    r: parameters.smallInteger(),
    p: parameters.smallInteger(),
  }
  parameters.end()
  return { salt, cost }
}

/** As OpenSSL counts it: N + 2 blocks to mix in, p to start from. Octets. */
function memoryOf({ N, r, p }: ScryptCost): number {
  return 128 * r * (N + 2 + p)
}
