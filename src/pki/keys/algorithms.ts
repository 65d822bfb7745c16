import { NULL, oid, sequence } from '../der/write.ts'

/** The key types that Chancery knows by name, in profiles, options and the inventory. */
export const KEY_TYPES = [
  'P-256',
  'P-384',
  'P-521',
  'RSA-2048',
  'RSA-3072',
  'RSA-4096',
  'Ed25519',
  'secp256k1',
] as const
export type KeyType = (typeof KEY_TYPES)[number]

/** The others prove no client of TLS 1.3 (RFC 8446 4.2.3), and here none of TLS 1.2 either: what renews by its own key has one of these. */
export const TLS_KEY_TYPES = KEY_TYPES.filter((type) => type !== 'secp256k1')

/** With these a signature, and its proof, takes tens of microseconds: less than the way to another thread and back. */
export const QUICK_KEYS: ReadonlySet<KeyType> = new Set<KeyType>(['P-256', 'Ed25519'])

export const HASH_NAMES = ['sha256', 'sha384', 'sha512'] as const
export type HashName = (typeof HASH_NAMES)[number]

/** RFC 5754 2, dotted. */
export const HASH_OIDS = {
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const satisfies Record<HashName, string>

/** How a signature in a certificate, CRL or OCSP response is made: `identifier` is its AlgorithmIdentifier. */
export interface SignatureAlgorithm {
  readonly name: string
  readonly oid: string
  /** For `node:crypto`'s sign and verify; null where the algorithm hashes by itself (Ed25519). */
  readonly hash: HashName | null
  readonly family: 'ec' | 'rsa' | 'ed25519'
  readonly identifier: Buffer
}

/** RFC 5758 3.2 and RFC 8410 3: parameters absent; RFC 4055 5: NULL for RSA with PKCS #1 v1.5. */
function algorithm(
  name: string,
  dotted: string,
  hash: HashName | null,
  family: SignatureAlgorithm['family'],
): SignatureAlgorithm {
  const identifier = family === 'rsa' ? sequence(oid(dotted), NULL) : sequence(oid(dotted))
  return { name, oid: dotted, hash, family, identifier }
}

/** The algorithm that a subjectPublicKeyInfo names: RFC 5480 2.1.1, RFC 3279 2.3.1, RFC 8410 3. */
export const KEY_ALGORITHMS = {
  ec: '1.2.840.10045.2.1',
  rsa: '1.2.840.113549.1.1.1',
  ed25519: '1.3.101.112',
} as const satisfies Record<SignatureAlgorithm['family'], string>

/** Named curves (RFC 5480 2.1.1.1). */
export const CURVES = {
  'P-256': '1.2.840.10045.3.1.7',
  'P-384': '1.3.132.0.34',
  'P-521': '1.3.132.0.35',
  secp256k1: '1.3.132.0.10',
} as const satisfies Partial<Record<KeyType, string>>

export function keyFamily(type: KeyType): SignatureAlgorithm['family'] {
  if (type in CURVES) return 'ec'
  return type === 'Ed25519' ? 'ed25519' : 'rsa'
}

export const SIGNATURE_ALGORITHMS: readonly SignatureAlgorithm[] = [
  algorithm('ecdsa-with-SHA256', '1.2.840.10045.4.3.2', 'sha256', 'ec'),
  algorithm('ecdsa-with-SHA384', '1.2.840.10045.4.3.3', 'sha384', 'ec'),
  algorithm('ecdsa-with-SHA512', '1.2.840.10045.4.3.4', 'sha512', 'ec'),
  algorithm('sha256WithRSAEncryption', '1.2.840.113549.1.1.11', 'sha256', 'rsa'),
  algorithm('sha384WithRSAEncryption', '1.2.840.113549.1.1.12', 'sha384', 'rsa'),
  algorithm('sha512WithRSAEncryption', '1.2.840.113549.1.1.13', 'sha512', 'rsa'),
  algorithm('Ed25519', '1.3.101.112', null, 'ed25519'),
]

export function signatureAlgorithm(
  family: SignatureAlgorithm['family'],
  hash: HashName | null,
): SignatureAlgorithm {
  const found = SIGNATURE_ALGORITHMS.find((a) => a.family === family && a.hash === hash)
  if (!found) throw new RangeError(`no signature algorithm for ${family} with ${hash}`)
  return found
}

/** The hash that matches the key's strength (RFC 5480 4, and 3072-bit RSA with SHA-256). */
export function defaultHash(keyType: KeyType): HashName {
  if (keyType === 'P-384') return 'sha384'
  if (keyType === 'P-521') return 'sha512'
  return 'sha256'
}
