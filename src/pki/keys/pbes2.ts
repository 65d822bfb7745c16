import { createCipheriv, randomBytes } from 'node:crypto'
import { octetString, oid, sequence } from '../der/write.ts'

const PBES2 = oid('1.2.840.113549.1.5.13')
const AES_256_CBC = oid('2.16.840.1.101.3.4.1.42')

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
