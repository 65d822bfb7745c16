import { createPublicKey, hash, type KeyObject } from 'node:crypto'
import { CaError } from '../../errors.ts'
import { bitLength, checkEd25519Point, checkRsaNumbers } from '../../pki/keys/strength.ts'
import { quoted } from '../../pki/names/quoted.ts'
import { AcmeError } from '../problem.ts'
import type { SignatureAlgorithmName } from './algorithms.ts'
import { readBase64url } from './base64url.ts'
import { isObject, isThere, type JsonObject } from './json.ts'

/** A public key that may sign requests. Reading one costs more than a look into a cache: keep it. */
export interface AccountKey {
  readonly key: KeyObject
  /** The members that make up the public key, no others, in the order of RFC 7638 3.3. */
  readonly jwk: Readonly<Record<string, string>>
  /** RFC 7638 with SHA-256, 32 octets. */
  readonly thumbprint: Buffer
  /** The same in base64url, as key authorizations have it (RFC 8555 8.1). */
  readonly thumbprintText: string
  /** The JWS algorithms of this key. */
  readonly algorithms: readonly SignatureAlgorithmName[]
  /** subjectPublicKeyInfo, DER. */
  readonly spki: Buffer
  /** Verifies in less time than, or not much more than, the way to another thread takes. */
  readonly fast: boolean
}

interface KeyMembers {
  readonly jwk: Readonly<Record<string, string>>
  readonly algorithms: readonly SignatureAlgorithmName[]
  readonly fast: boolean
}

interface Curve {
  readonly alg: SignatureAlgorithmName
  /** Of each coordinate. */
  readonly octets: number
  readonly fast: boolean
}

const CURVES = new Map<string, Curve>([
  ['P-256', { alg: 'ES256', octets: 32, fast: true }],
  ['P-384', { alg: 'ES384', octets: 48, fast: false }],
  ['P-521', { alg: 'ES512', octets: 66, fast: false }],
])

const SMALLEST_RSA = 2048
const LARGEST_RSA = 8192
/** Larger RSA keys are verified in another thread. */
const LARGEST_FAST_RSA = 4096

const ADVICE = 'use P-256, P-384, P-521, Ed25519 or RSA'

/** RFC 7518 6.2.2, 6.3.2 and 6.4.1, RFC 8037 2. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

/**
 * Reads a JWK (RFC 7517): EC on P-256, P-384 or P-521, RSA of 2048 to 8192 bits, or Ed25519. Each number must have its one
 * canonical spelling, so that a key has one thumbprint. Members that say nothing of the key itself are ignored.
 * AcmeError 'badPublicKey', also if there is a private key in it.
 */
export function readJwk(value: unknown): AccountKey {
  if (!isObject(value)) throw bad('The JWK is not a JSON object.')
  const secret = SECRET_MEMBERS.find((name) => isThere(value[name]))
  if (secret !== undefined) {
    throw bad(`The JWK has the member "${secret}" of a secret key, which is known now; generate a new key.`)
  }
  const { jwk, algorithms, fast } = weakKeysAsBad(() => readMembers(value))
  const key = toKeyObject(jwk)
  const thumbprint = hash('sha256', JSON.stringify(jwk), 'buffer')
  return {
    key,
    jwk,
    thumbprint,
    thumbprintText: thumbprint.toString('base64url'),
    algorithms,
    spki: key.export({ format: 'der', type: 'spki' }),
    fast,
  }
}

/** Whether a value is a JWK of this key: whatever else it has says nothing of the key (RFC 7638 3). */
export function isJwkOf(value: unknown, key: AccountKey): boolean {
  return isObject(value) && Object.entries(key.jwk).every(([name, member]) => value[name] === member)
}

function readMembers(value: JsonObject): KeyMembers {
  const kty = textMember(value, 'kty')
  if (kty === 'EC') return readEc(value)
  if (kty === 'RSA') return readRsa(value)
  if (kty === 'OKP') return readOkp(value)
  throw bad(`JWKs with the kty ${quoted(kty)} are not supported; ${ADVICE}.`)
}

/** RFC 7518 6.2.1: coordinates are as long as the field, with leading zeros. OpenSSL proves the point on its curve. */
function readEc(value: JsonObject): KeyMembers {
  const crv = textMember(value, 'crv')
  const curve = CURVES.get(crv)
  if (!curve) throw bad(`EC keys on the curve ${quoted(crv)} are not supported; ${ADVICE}.`)
  for (const name of ['x', 'y']) {
    if (numberMember(value, name).length !== curve.octets) {
      throw bad(`The JWK's "${name}" does not have ${curve.octets} octets, as ${crv} wants.`)
    }
  }
  const { x, y } = value as { x: string; y: string }
  return { jwk: { crv, kty: 'EC', x, y }, algorithms: [curve.alg], fast: curve.fast }
}

/** RFC 7518 6.3.1: Base64urlUInt, which has no leading zeros. */
function readRsa(value: JsonObject): KeyMembers {
  const modulus = numberMember(value, 'n')
  const exponent = numberMember(value, 'e')
  if (!modulus[0] || !exponent[0]) throw bad(`The JWK's "n" or "e" is empty or begins with a zero octet.`)
  const bits = bitLength(modulus)
  if (bits < SMALLEST_RSA || bits > LARGEST_RSA) {
    throw bad(`RSA keys of ${bits} bits are not accepted; use ${SMALLEST_RSA} to ${LARGEST_RSA} bits.`)
  }
  checkRsaNumbers(modulus, exponent)
  const { n, e } = value as { n: string; e: string }
  return { jwk: { e, kty: 'RSA', n }, algorithms: ['RS256', 'PS256'], fast: bits <= LARGEST_FAST_RSA }
}

/** RFC 8037 2. X25519 and X448 do not sign; Ed448 has no weak-key rules here. */
function readOkp(value: JsonObject): KeyMembers {
  const crv = textMember(value, 'crv')
  if (crv !== 'Ed25519') throw bad(`OKP keys on the curve ${quoted(crv)} are not supported; ${ADVICE}.`)
  checkEd25519Point(numberMember(value, 'x'), 'malformedRequest')
  const { x } = value as { x: string }
  return { jwk: { crv, kty: 'OKP', x }, algorithms: ['EdDSA'], fast: true }
}

function numberMember(value: JsonObject, name: string): Buffer {
  const octets = readBase64url(textMember(value, name))
  if (!octets) throw bad(`The JWK's "${name}" is not base64url without padding.`)
  return octets
}

function textMember(value: JsonObject, name: string): string {
  const text = value[name]
  if (typeof text !== 'string') throw bad(`The JWK must have the member "${name}", a string.`)
  return text
}

function weakKeysAsBad<T>(read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof CaError) throw bad(error.detail, error)
    throw error
  }
}

function toKeyObject(jwk: Readonly<Record<string, string>>): KeyObject {
  try {
    return createPublicKey({ key: jwk, format: 'jwk' })
  } catch (cause) {
    throw bad('The JWK is not a valid key of its kind; generate a new one.', cause)
  }
}

function bad(detail: string, cause?: unknown): AcmeError {
  return new AcmeError('badPublicKey', detail, cause === undefined ? {} : { cause })
}
