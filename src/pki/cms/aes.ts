import { createCipheriv, randomBytes } from 'node:crypto'
import { octetString, oid, sequence } from '../der/write.ts'

/** Octets of an AES key. */
export type AesLength = 16 | 24 | 32

/** The strongest first. */
export const AES_LENGTHS: readonly AesLength[] = [32, 24, 16]

/** AES in CBC mode (RFC 3565 4.1), dotted. */
export const AES_CBC: Readonly<Record<AesLength, string>> = {
  32: '2.16.840.1.101.3.4.1.42',
  24: '2.16.840.1.101.3.4.1.22',
  16: '2.16.840.1.101.3.4.1.2',
}

/** AES key wrap (RFC 3565 2.3.2), dotted. */
export const AES_WRAP: Readonly<Record<AesLength, string>> = {
  32: '2.16.840.1.101.3.4.1.45',
  24: '2.16.840.1.101.3.4.1.25',
  16: '2.16.840.1.101.3.4.1.5',
}

/** RFC 3394 2.2.3.1 */
const WRAP_INITIAL_VALUE = Buffer.alloc(8, 0xa6)

/** CBC with a new IV; the algorithm identifier holds it. Padded as RFC 5652 6.3 says. */
export function encryptCbc(
  key: Buffer,
  length: AesLength,
  plaintext: Uint8Array,
): { algorithm: Buffer; ciphertext: Buffer } {
  const iv = randomBytes(16)
  const cipher = createCipheriv(`aes-${length * 8}-cbc`, key, iv)
  const ciphertext = Buffer.concat([cipher.update(plaintext), cipher.final()])
  return { algorithm: sequence(oid(AES_CBC[length]), octetString(iv)), ciphertext }
}

/** The AlgorithmIdentifier of a key wrap: RFC 3565 2.3.2 wants no parameters. */
export function wrapAlgorithm(length: AesLength): Buffer {
  return sequence(oid(AES_WRAP[length]))
}

/** `key` wrapped by a key-encryption key of `length` octets. */
export function wrapKey(keyEncryptionKey: Buffer, length: AesLength, key: Buffer): Buffer {
  const cipher = createCipheriv(`id-aes${length * 8}-wrap`, keyEncryptionKey, WRAP_INITIAL_VALUE)
  return Buffer.concat([cipher.update(key), cipher.final()])
}
