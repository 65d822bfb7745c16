import { constants, diffieHellman, hash, publicEncrypt, randomBytes } from 'node:crypto'
import { CaError } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { context, contextPrimitive, integer, NULL, octetString, oid, sequence, TAG } from '../der/write.ts'
import { KEY_ALGORITHMS } from '../keys/algorithms.ts'
import { generateKey } from '../keys/generate.ts'
import { type PublicKey, spkiOf } from '../keys/public-key.ts'
import { type AesLength, wrapAlgorithm, wrapKey } from './aes.ts'
import { ECDH_SHA256, type MessageAlgorithms, oaepAlgorithm } from './capabilities.ts'

/** Who can read a message. `keyIdentifier` is what the reader knows the key by: copied, not computed. */
export type Recipient =
  | { readonly method: 'asymmetric'; readonly keyIdentifier: Uint8Array; readonly publicKey: PublicKey }
  /** 16, 24 or 32 octets. */
  | { readonly method: 'symmetric'; readonly keyIdentifier: Uint8Array; readonly secret: Buffer }

/**
 * RecipientInfo (RFC 5652 6.2) with `contentKey` encrypted for the recipient. `CaError` 'unsupportedAlgorithm' for a
 * public key that can only sign; RangeError for a secret of another length.
 */
export async function recipientInfo(
  recipient: Recipient,
  contentKey: Buffer,
  algorithms: MessageAlgorithms,
): Promise<Buffer> {
  if (recipient.method === 'symmetric') return keyEncryptionKey(recipient, contentKey)
  const { publicKey, keyIdentifier } = recipient
  switch (publicKey.family) {
    case 'rsa':
      return keyTransport(publicKey, keyIdentifier, contentKey, algorithms)
    case 'ec':
      return keyAgreement(publicKey, keyIdentifier, contentKey, algorithms.wrap)
    case 'ed25519':
      throw new CaError(
        'unsupportedAlgorithm',
        'An Ed25519 key can only sign; name an RSA or EC key to encrypt the private key to.',
      )
  }
}

/** KeyTransRecipientInfo (6.2.1), version 2: by subjectKeyIdentifier. */
function keyTransport(
  { keyObject }: PublicKey,
  keyIdentifier: Uint8Array,
  contentKey: Buffer,
  { oaep }: MessageAlgorithms,
): Buffer {
  const encrypted = publicEncrypt(
    oaep === null
      ? { key: keyObject, padding: constants.RSA_PKCS1_PADDING }
      : { key: keyObject, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: oaep },
    contentKey,
  )
  return sequence(
    integer(2),
    contextPrimitive(0, keyIdentifier),
    oaep === null ? sequence(oid(KEY_ALGORITHMS.rsa), NULL) : oaepAlgorithm(oaep),
    octetString(encrypted),
  )
}

/** KeyAgreeRecipientInfo (6.2.2), ephemeral-static ECDH (RFC 5753 3.1). */
async function keyAgreement(
  { keyObject, type }: PublicKey,
  keyIdentifier: Uint8Array,
  contentKey: Buffer,
  wrap: AesLength,
): Promise<Buffer> {
  const ephemeral = await generateKey(type)
  const shared = diffieHellman({ privateKey: ephemeral, publicKey: keyObject })
  // RFC 5753 3.1.1: SHOULD be there; some readers derive another key where it is not.
  const userKeyingMaterial = octetString(randomBytes(32))
  const wrapping = deriveKey(shared, wrap, userKeyingMaterial)
  const encrypted = wrapKey(wrapping, wrap, contentKey)
  shared.fill(0)
  wrapping.fill(0)
  return context(
    1,
    integer(3),
    // originatorKey [1] IMPLICIT: it is formed like a subjectPublicKeyInfo.
    context(0, context(1, new DerReader(spkiOf(ephemeral), 'ephemeral key').expect(TAG.sequence).content)),
    context(1, userKeyingMaterial),
    sequence(oid(ECDH_SHA256), wrapAlgorithm(wrap)),
    sequence(sequence(context(0, octetString(keyIdentifier)), octetString(encrypted))),
  )
}

/** X9.63's derivation (RFC 5753 7.2, SEC 1 3.6.1) with SHA-256: one round gives the 32 octets, of which AES takes the first. */
function deriveKey(shared: Buffer, length: AesLength, userKeyingMaterial: Buffer): Buffer {
  const suppliedBits = Buffer.alloc(4)
  suppliedBits.writeUInt32BE(length * 8)
  const sharedInfo = sequence(
    wrapAlgorithm(length),
    context(0, userKeyingMaterial),
    context(2, octetString(suppliedBits)),
  )
  const counter = Buffer.from([0, 0, 0, 1])
  return hash('sha256', Buffer.concat([shared, counter, sharedInfo]), 'buffer').subarray(0, length)
}

/** KEKRecipientInfo (6.2.3). */
function keyEncryptionKey(
  { keyIdentifier, secret }: Recipient & { method: 'symmetric' },
  contentKey: Buffer,
): Buffer {
  const length = secret.length
  if (length !== 16 && length !== 24 && length !== 32)
    throw new RangeError('a secret to wrap keys with has 16, 24 or 32 octets')
  return context(
    2,
    integer(4),
    sequence(octetString(keyIdentifier)),
    wrapAlgorithm(length),
    octetString(wrapKey(secret, length, contentKey)),
  )
}
