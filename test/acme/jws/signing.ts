import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { SIGNATURE_SCHEMES, type SignatureAlgorithmName } from '../../../src/acme/jws/algorithms.ts'
import { type AccountKey, readJwk } from '../../../src/acme/jws/jwk.ts'
import type { SignedJws } from '../../../src/acme/jws/verify.ts'

export const URL_OF_REQUEST = 'https://ca.example.test/acme/new-order'
export const KID = 'https://ca.example.test/acme/account/7'

/** A client's key pair. */
export interface Pair {
  readonly privateKey: KeyObject
  readonly account: AccountKey
  /** As a client sends it. */
  readonly jwk: Record<string, string>
}

export function pair(kind: 'P-256' | 'P-384' | 'P-521' | 'RSA' | 'Ed25519'): Pair {
  const privateKey =
    kind === 'RSA'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
      : kind === 'Ed25519'
        ? generateKeyPairSync('ed25519').privateKey
        : generateKeyPairSync('ec', { namedCurve: kind }).privateKey
  const jwk = createPublicKey(privateKey).export({ format: 'jwk' }) as Record<string, string>
  return { privateKey, jwk, account: readJwk(jwk) }
}

export interface Flattened {
  protected: string
  payload: string
  signature: string
}

/** Strings and buffers as they are, everything else as JSON. */
export function base64url(value: unknown): string {
  const plain = typeof value === 'string' || Buffer.isBuffer(value)
  return Buffer.from(plain ? value : JSON.stringify(value)).toString('base64url')
}

export function rawSignature(alg: SignatureAlgorithmName, key: KeyObject, input: string): Buffer {
  const { hash, options } = SIGNATURE_SCHEMES[alg]
  return sign(hash, Buffer.from(input), { key, ...options })
}

/** `payload`: '' for POST-as-GET. `header` needs an `alg` that fits the key. */
export function flattened(
  key: KeyObject,
  header: { alg: SignatureAlgorithmName; [name: string]: unknown },
  payload: unknown,
): Flattened {
  const texts = { protected: base64url(header), payload: base64url(payload) }
  const signature = rawSignature(header.alg, key, `${texts.protected}.${texts.payload}`)
  return { ...texts, signature: base64url(signature) }
}

export function macked(
  secret: Buffer,
  header: { alg: string; [name: string]: unknown },
  payload: unknown,
): Flattened {
  const texts = { protected: base64url(header), payload: base64url(payload) }
  const mac = createHmac(header.alg.replace('HS', 'sha'), secret)
  return { ...texts, signature: mac.update(`${texts.protected}.${texts.payload}`).digest('base64url') }
}

export function body(jws: unknown): Buffer {
  return Buffer.from(JSON.stringify(jws))
}

/** A JWS in the compact form, as RFCs print examples. It need not be one of ACME. */
export function compact(text: string): SignedJws {
  const [protectedText = '', payloadText = '', signature = ''] = text.replace(/\s/g, '').split('.')
  const header = JSON.parse(Buffer.from(protectedText, 'base64url').toString()) as { alg: string }
  return { protectedText, payloadText, signature: Buffer.from(signature, 'base64url'), header }
}
