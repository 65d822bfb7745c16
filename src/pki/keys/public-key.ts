import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { CaError, type ErrorCode } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { NULL, oid, sequence, TAG } from '../der/write.ts'
import { CURVES, KEY_ALGORITHMS, type KeyType, type SignatureAlgorithm } from './algorithms.ts'
import { checkEcPoint, checkEd25519Point, rsaKeyType } from './strength.ts'
import { unknownKeyAlgorithm } from './unknown-algorithm.ts'

/** A key as it is stated: of the right form, but nobody has looked whether its point is on the curve. */
export interface StatedKey {
  /** The whole subjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  /** The key itself: the octets of the BIT STRING, after the count of unused bits. */
  readonly bits: Buffer
  readonly type: KeyType
  readonly family: SignatureAlgorithm['family']
}

export interface PublicKey extends StatedKey {
  readonly keyObject: KeyObject
}

interface KeyForm {
  /** The only AlgorithmIdentifier that is read as this key: two encodings of one key would hide a reuse. */
  readonly identifier: Buffer
  readonly family: SignatureAlgorithm['family']
  /** Throws if the key itself is too weak or not of the form; gives its type. */
  readonly check: (bits: Buffer, code: ErrorCode) => KeyType
}

function ecForm(type: keyof typeof CURVES, coordinate: number): KeyForm {
  return {
    identifier: sequence(oid(KEY_ALGORITHMS.ec), oid(CURVES[type])),
    family: 'ec',
    check: (bits) => {
      checkEcPoint(bits, coordinate)
      return type
    },
  }
}

/** RFC 5480 2.1.1 (named curves only), RFC 8410 3 (no parameters), RFC 3279 2.3.1 (NULL). The most used first. */
const KEY_FORMS: readonly KeyForm[] = [
  ecForm('P-256', 32),
  { identifier: sequence(oid(KEY_ALGORITHMS.rsa), NULL), family: 'rsa', check: rsaKeyType },
  {
    identifier: sequence(oid(KEY_ALGORITHMS.ed25519)),
    family: 'ed25519',
    check: (bits, code) => {
      checkEd25519Point(bits, code)
      return 'Ed25519'
    },
  },
  ecForm('P-384', 48),
  ecForm('P-521', 66),
  ecForm('secp256k1', 32),
]

/**
 * Reads a subjectPublicKeyInfo strictly. Errors: `weakKey`, `unsupportedAlgorithm`, and `code` for bytes that are
 * no key at all, such as a point off its curve.
 */
export function readPublicKey(spki: Uint8Array, code: ErrorCode = 'malformedRequest'): PublicKey {
  const stated = readStatedKey(spki, code)
  return { ...stated, keyObject: toKeyObject(stated.spki, code) }
}

/** As `readPublicKey`, for a key that `toKeyObject` makes later, perhaps in another thread: that takes as long as a signature. */
export function readStatedKey(spki: Uint8Array, code: ErrorCode): StatedKey {
  const outer = new DerReader(spki, 'public key', code)
  const whole = outer.expect(TAG.sequence)
  outer.end()
  const reader = outer.into(whole)
  const identifier = reader.expect(TAG.sequence)
  const bits = reader.bitString()
  reader.end()
  const form = KEY_FORMS.find((known) => known.identifier.equals(identifier.bytes))
  if (!form) throw unknownKeyAlgorithm(outer.into(identifier), code)
  const type = form.check(bits, code)
  return { spki: whole.bytes, bits, type, family: form.family }
}

/** The key of a subjectPublicKeyInfo whose form was read. Throws `code` for a point off its curve, which OpenSSL looks for. */
export function toKeyObject(spki: Uint8Array, code: ErrorCode): KeyObject {
  try {
    return createPublicKey({ key: spki, format: 'der', type: 'spki' })
  } catch (cause) {
    throw new CaError(code, 'The public key is not a valid key of its algorithm; generate a new one.', {
      cause,
    })
  }
}

/** The subjectPublicKeyInfo, DER, that goes with a private key. */
export function spkiOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ type: 'spki', format: 'der' })
}

/** The type of a private key. Throws `CaError` as `readPublicKey` does. */
export function keyTypeOf(key: KeyObject): KeyType {
  return readPublicKey(spkiOf(key)).type
}

/** subjectKeyIdentifier by RFC 7093 2, method 1: the leftmost 160 bits of SHA-256 over the BIT STRING's octets. */
export function keyIdentifier(key: Pick<PublicKey, 'bits'>): Buffer {
  return hash('sha256', key.bits, 'buffer').subarray(0, 20)
}

/** SHA-256 of the subjectPublicKeyInfo: the same key has the same hash in every certificate. */
export function keyHash(spki: Uint8Array): Buffer {
  return hash('sha256', spki, 'buffer')
}
