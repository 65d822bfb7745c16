import { constants, createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

export type AccountAlgorithm = 'ES256' | 'ES384' | 'ES512' | 'RS256' | 'PS256' | 'EdDSA'

/** A key pair that signs JWS, with the public half as a client sends it. */
export interface AccountKey {
  readonly alg: AccountAlgorithm
  readonly privateKey: KeyObject
  /** The required members alone, in the order of RFC 7638. */
  readonly jwk: Readonly<Record<string, string>>
  /** RFC 7638, base64url. */
  readonly thumbprint: string
}

/** The flattened JSON serialisation (RFC 7515 7.2.2). */
export interface Jws {
  readonly protected: string
  readonly payload: string
  readonly signature: string
}

const CURVES = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' } as const
const DIGESTS = {
  ES256: 'sha256',
  ES384: 'sha384',
  ES512: 'sha512',
  RS256: 'sha256',
  PS256: 'sha256',
} as const
const MACS = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const
/** RFC 7638 3.2, RFC 8037 2. */
const REQUIRED = { EC: ['crv', 'kty', 'x', 'y'], RSA: ['e', 'kty', 'n'], OKP: ['crv', 'kty', 'x'] } as const

export function newAccountKey(alg: AccountAlgorithm = 'ES256'): AccountKey {
  return accountKey(alg, newPrivateKey(alg))
}

function newPrivateKey(alg: AccountAlgorithm): KeyObject {
  if (alg === 'EdDSA') return generateKeyPairSync('ed25519').privateKey
  if (alg === 'RS256' || alg === 'PS256')
    return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  return generateKeyPairSync('ec', { namedCurve: CURVES[alg] }).privateKey
}

/** Of a private key that is there already, such as that of a certificate, or one that is too short. */
export function accountKey(alg: AccountAlgorithm, privateKey: KeyObject): AccountKey {
  const whole = privateKey.export({ format: 'jwk' }) as Record<string, unknown>
  const members = REQUIRED[whole.kty as keyof typeof REQUIRED]
  const jwk = Object.fromEntries(members.map((name) => [name, whole[name]])) as Record<string, string>
  return { alg, privateKey, jwk, thumbprint: sha256(JSON.stringify(jwk)) }
}

export function base64url(value: string | Buffer): string {
  return Buffer.from(value).toString('base64url')
}

/** An object is sent as JSON, text as it is, undefined as the empty payload of a POST-as-GET. */
export type Payload = object | string | undefined

/** Signs with `key` whatever the header says; members that are undefined are left out. */
export function signJws(key: AccountKey, header: Record<string, unknown>, payload: Payload): Jws {
  return finish(header, payload, (input) => signature(key, input))
}

/** An external account binding (RFC 8555 7.3.4). */
export function macJws(
  secret: Buffer,
  header: Record<string, unknown> & { readonly alg: string },
  payload: Payload,
): Jws {
  const digest = MACS[header.alg as keyof typeof MACS] ?? 'sha256'
  return finish(header, payload, (input) => createHmac(digest, secret).update(input).digest())
}

function finish(header: Record<string, unknown>, payload: Payload, make: (input: Buffer) => Buffer): Jws {
  const parts = { protected: base64url(JSON.stringify(header)), payload: encodePayload(payload) }
  return { ...parts, signature: base64url(make(Buffer.from(`${parts.protected}.${parts.payload}`))) }
}

function encodePayload(payload: Payload): string {
  if (payload === undefined) return ''
  return base64url(typeof payload === 'string' ? payload : JSON.stringify(payload))
}

function signature({ alg, privateKey }: AccountKey, input: Buffer): Buffer {
  switch (alg) {
    case 'EdDSA':
      return sign(null, input, privateKey)
    case 'RS256':
      return sign(DIGESTS[alg], input, privateKey)
    case 'PS256':
      return sign(DIGESTS[alg], input, {
        key: privateKey,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      })
    default:
      // JOSE has R and S side by side, at full width (RFC 7518 3.4).
      return sign(DIGESTS[alg], input, { key: privateKey, dsaEncoding: 'ieee-p1363' })
  }
}

/** base64url of the digest: what thumbprints and dns-01 are. */
export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}
