import { constants, type VerifyKeyObjectInput } from 'node:crypto'
import type { HashName } from '../../pki/keys/algorithms.ts'
import { quoted } from '../../pki/names/quoted.ts'
import { AcmeError } from '../problem.ts'

/** How `node:crypto` verifies a JWS algorithm. */
export interface SignatureScheme {
  /** Null where the algorithm hashes by itself. */
  readonly hash: HashName | null
  readonly options: Omit<VerifyKeyObjectInput, 'key'>
  /** ECDSA alone: octets of r and of s, which stand one behind the other (RFC 7518 3.4). */
  readonly half?: number
}

function ecdsa(hash: HashName, half: number): SignatureScheme {
  return { hash, options: { dsaEncoding: 'ieee-p1363' }, half }
}

/** RFC 7518 3.1 and RFC 8037 3.1. A key has those that its `AccountKey.algorithms` lists. */
export const SIGNATURE_SCHEMES = {
  ES256: ecdsa('sha256', 32),
  ES384: ecdsa('sha384', 48),
  ES512: ecdsa('sha512', 66),
  RS256: { hash: 'sha256', options: { padding: constants.RSA_PKCS1_PADDING } },
  // RFC 7518 3.5: the salt is as long as the hash.
  PS256: { hash: 'sha256', options: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 } },
  EdDSA: { hash: null, options: {} },
} as const satisfies Record<string, SignatureScheme>
export type SignatureAlgorithmName = keyof typeof SIGNATURE_SCHEMES

export const SIGNATURE_ALGORITHM_NAMES = Object.keys(SIGNATURE_SCHEMES) as SignatureAlgorithmName[]

/** The MACs of external account bindings (RFC 8555 7.3.4, RFC 7518 3.2). */
export const MAC_HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const satisfies Record<
  string,
  HashName
>
export type MacAlgorithmName = keyof typeof MAC_HASHES

export const MAC_ALGORITHM_NAMES = Object.keys(MAC_HASHES) as MacAlgorithmName[]

/** Returns the algorithm if it is one of those; else AcmeError 'badSignatureAlgorithm' that lists them (RFC 8555 6.2). */
export function requireAlgorithm<Name extends string>(
  alg: string,
  algorithms: readonly Name[],
  where: string,
): Name {
  const found = algorithms.find((one) => one === alg)
  if (found !== undefined) return found
  throw new AcmeError(
    'badSignatureAlgorithm',
    `The algorithm ${quoted(alg)} is not accepted for ${where}; use ${algorithms.join(' or ')}.`,
    { algorithms },
  )
}
