import { createPrivateKey, type KeyObject, randomBytes, scrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { CaError } from '../../errors.ts'
import { integer, octetString, oid, sequence } from '../der/write.ts'
import { encodePem } from '../pem.ts'
import { PBES2_KEY_LENGTH, pbes2Encrypt } from './pbes2.ts'

/** scrypt's cost: N a power of two, 128·N·r octets of memory. */
export interface ScryptCost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** 16 MiB; OpenSSL refuses to read keys that need more than 32 MiB. */
const DEFAULT_COST: ScryptCost = { N: 16384, r: 8, p: 1 }
const MEMORY_LIMIT = 32 * 1024 * 1024

/** Node and OpenSSL read no longer passphrase. */
const LONGEST_PASSPHRASE = 1024

const ID_SCRYPT = oid('1.3.6.1.4.1.11591.4.11')

const deriveKey = promisify<string | Buffer, Buffer, number, ScryptCost, Buffer>(scrypt)

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
  // As OpenSSL counts it: N + 2 blocks to mix in, p to start from.
  if (128 * r * (N + 2 + p) > MEMORY_LIMIT) {
    throw new RangeError('OpenSSL would refuse this scrypt cost')
  }
  const salt = randomBytes(16)
  const secret = await deriveKey(octets, salt, PBES2_KEY_LENGTH, { N, r, p })
  const plain = key.export({ format: 'der', type: 'pkcs8' })
  const kdf = sequence(ID_SCRYPT, sequence(octetString(salt), integer(N), integer(r), integer(p)))
  const { algorithm, ciphertext } = pbes2Encrypt(kdf, secret, plain)
  plain.fill(0)
  secret.fill(0)
  return encodePem('ENCRYPTED PRIVATE KEY', sequence(algorithm, octetString(ciphertext)))
}

/**
 * The key in an encrypted PKCS#8 PEM, whatever PBES2 scheme OpenSSL knows. `CaError` 'badConfiguration' on a
 * wrong passphrase, and on a key that is not encrypted at all: that one would otherwise be read without a word.
 */
export function decryptPkcs8(pem: string, passphrase: string | Buffer): KeyObject {
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
    return createPrivateKey({ key: pem, format: 'pem', passphrase })
  } catch (cause) {
    throw new CaError(
      'badConfiguration',
      'The private key cannot be decrypted: the passphrase is not the right one, or the file is damaged.',
      { cause },
    )
  }
}
