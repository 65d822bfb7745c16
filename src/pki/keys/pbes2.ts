import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { DerReader, type Element } from '../der/read.ts'
import { octetString, oid, sequence, TAG } from '../der/write.ts'

const ID_PBES2 = '1.2.840.113549.1.5.13'
const ID_AES_256_CBC = '2.16.840.1.101.3.4.1.42'
const PBES2 = oid(ID_PBES2)
const AES_256_CBC = oid(ID_AES_256_CBC)

/** Octets of an AES-256 key. */
export const PBES2_KEY_LENGTH = 32

/**
 * PBES2 (RFC 8018 6.2) with AES-256-CBC: `kdf` is the AlgorithmIdentifier by which a reader derives `key`
 * again from the password.
 */
export function pbes2Encrypt(
  kdf: Uint8Array,
  key: Uint8Array,
  plaintext: Uint8Array,
): { algorithm: Buffer; ciphertext: Buffer } {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-cbc', key, iv)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  const algorithm = sequence(PBES2, sequence(kdf, sequence(AES_256_CBC, octetString(iv))))
  return { algorithm, ciphertext }
}

/** An EncryptedPrivateKeyInfo (RFC 5958 3) by PBES2 with AES-256-CBC. `kdf`: the AlgorithmIdentifier. */
export interface Pbes2Encrypted {
  readonly kdf: Element
  readonly iv: Buffer
  readonly ciphertext: Buffer
}

/** Null where it is encrypted in another way. `CaError` where it is not DER. */
export function readPbes2(der: Uint8Array): Pbes2Encrypted | null {
  const info = new DerReader(der, 'encrypted private key').enter()
  const algorithm = info.enter()
  if (algorithm.oid() !== ID_PBES2) return null
  const parameters = algorithm.enter()
  const kdf = parameters.expect(TAG.sequence)
  const cipher = parameters.enter()
  if (cipher.oid() !== ID_AES_256_CBC) return null
  const iv = cipher.expect(TAG.octetString).content
  const ciphertext = info.expect(TAG.octetString).content
  info.end()
  return { kdf, iv, ciphertext }
}

/** Throws where the key is not the one that it was encrypted with, as far as the padding tells. */
export function pbes2Decrypt({ iv, ciphertext }: Pbes2Encrypted, key: Uint8Array): Buffer {
  const decipher = createDecipheriv('aes-256-cbc', key, iv)
  return Buffer.concat([decipher.update(ciphertext), decipher.final()])
}
