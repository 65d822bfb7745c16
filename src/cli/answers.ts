import type { NameType } from '../pki/names/san.ts'
import type { Role } from '../store/commands.ts'

/** The parts of the REST API's answers that commands read; `--json` prints the answers whole. */
export type NamesAnswer = { readonly [Type in NameType]?: readonly string[] }

export interface CertificateAnswer {
  readonly serialNumber: string
  readonly authority: string
  readonly profile: string
  readonly subject: string
  readonly names: NamesAnswer
  readonly notBefore: string
  readonly notAfter: string
  readonly state?: string
  readonly principal?: string
  readonly replaces?: string | null
  readonly replacedBy?: string | null
  readonly revocation?: RevocationAnswer | null
}

export interface RevocationAnswer {
  readonly revokedAt: string
  readonly reason: string
  readonly invalidityDate: string | null
}

export interface IssuedAnswer extends CertificateAnswer {
  /** PEM. */
  readonly certificate: string
  /** PEM, issuer first, without the root. */
  readonly chain: readonly string[]
}

/** A request that an admin must approve first. */
export interface PendingAnswer {
  readonly id: number
  readonly expiresAt: string
  /** Seconds. */
  readonly retryAfter: number
}

export interface RequestAnswer {
  readonly id: number
  readonly state: string
  readonly requestedBy: string
  readonly protocol: string
  readonly profile: string
  readonly authority: string | null
  readonly subject: string
  readonly names: NamesAnswer
  readonly keyType: string
  readonly keySha256: string
  /** Seconds. */
  readonly validity: number | null
  readonly notAfter: string | null
  readonly replaces: string | null
  readonly createdAt: string
  readonly expiresAt: string
  readonly decidedAt: string | null
  readonly decidedBy?: string | null
  readonly reason: string | null
  readonly serialNumber: string | null
}

export interface TokenAnswer {
  readonly id: string | number
  readonly profile: string
  readonly names: NamesAnswer
  readonly expiresAt: string
  readonly state?: string
  readonly createdBy?: string
}

export interface AdminKeyAnswer {
  readonly id: number
  readonly name: string
  readonly role: Role
  readonly createdAt: string
  readonly createdBy: string
  readonly rotatedAt: string | null
  readonly formerUntil: string | null
  readonly lastUsedAt: string | null
  readonly revokedAt: string | null
}

export interface RotatedKey {
  readonly key: string
  readonly formerUntil: string | null
}

export interface AuthorityAnswer {
  readonly id: string
  readonly role: string
  readonly state: string
  readonly isDefault: boolean
  readonly revokedBy: string | null
  readonly subject: string
  readonly notAfter: string | null
  readonly fingerprint: string | null
  readonly crl: CrlAnswer | null
}

export interface CrlAnswer {
  readonly number: number
  readonly thisUpdate: string
  readonly nextUpdate: string
  readonly entries: number
}

/** "web.example.test, 10.0.0.1": the values alone, since their look says their kind. */
export function nameList(names: NamesAnswer): string {
  return [...(names.dns ?? []), ...(names.ip ?? []), ...(names.email ?? []), ...(names.uri ?? [])].join(', ')
}

export interface OcspInstallAnswer {
  readonly serialNumber: string
  readonly status: 'good' | 'revoked' | 'unknown'
  readonly reason: string | null
  readonly thisUpdate: string
  readonly nextUpdate: string
}
