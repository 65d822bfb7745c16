import { createHash } from 'node:crypto'
import type { CHALLENGE_TYPES } from '../../config/acme-schema.ts'
import type { AcmeIdentifier } from '../problem.ts'

export type ChallengeType = (typeof CHALLENGE_TYPES)[number]

export interface Challenge {
  readonly type: ChallengeType
  /** base64url. dns-persist-01 has none, and any text will do. */
  readonly token: string
  /** Without "*.", normalised. */
  readonly identifier: AcmeIdentifier
  /** Whether the authorization is for "*." and the identifier. */
  readonly wildcard: boolean
  /** Whether it is to hold for all names below the identifier as well (RFC 9444). */
  readonly subdomains?: boolean
  /** base64url of the SHA-256 thumbprint of the account's JWK (RFC 7638). */
  readonly thumbprint: string
  /** Those of the keys that the account had before; dns-persist-01 goes on to take them. */
  readonly formerThumbprints?: readonly string[]
  readonly accountUrl: string
}

/** RFC 8555 8.1. */
export function keyAuthorization({ token, thumbprint }: Challenge): string {
  return `${token}.${thumbprint}`
}

/** SHA-256 over it: what dns-01 and tls-alpn-01 carry. */
export function keyAuthorizationHash(challenge: Challenge): Buffer {
  return createHash('sha256').update(keyAuthorization(challenge)).digest()
}
