import type { KeyObject } from 'node:crypto'
import type { Possession } from '../pki/csr/prove.ts'
import type { SignatureAlgorithm } from '../pki/keys/algorithms.ts'
import type { SubjectName } from '../pki/names/san.ts'
import type { AcmeCommands } from './acme-commands.ts'
import type { ApprovalCommands } from './approval-commands.ts'
import type { AuthorityCommands } from './authority-commands.ts'
import type { NoticeCommands } from './notice-commands.ts'

/**
 * Every write, as plain data that crosses to the writer thread. Each is one whole operation, so that another
 * database can stand behind the same names. Times are seconds since 1970 unless the name says otherwise;
 * serial numbers are lower-case hexadecimal without leading zero octets.
 */
export interface Commands extends AcmeCommands, ApprovalCommands, AuthorityCommands, NoticeCommands {
  recordIssuance: { input: IssuanceRecord | UnsignedIssuance; output: IssuanceOutcome }
  revoke: { input: RevocationRecord; output: RevocationOutcome }
  release: { input: ReleaseRecord; output: RevocationOutcome }
  createToken: { input: TokenRecord; output: { tokenId: number } }
  revokeToken: { input: { tokenId: number; at: number; audit: AuditEntry }; output: { changed: boolean } }
  createAdminKey: { input: AdminKeyRecord; output: { id: number } }
  rotateAdminKey: { input: AdminKeyRotation; output: Record<never, never> }
  /** `left`: how many keys with the role "admin" there still are. `keepAdmin`: "conflict" rather than none. */
  revokeAdminKey: {
    input: { id: number; at: number; keepAdmin: boolean; audit: AuditEntry }
    output: { changed: boolean; left: number }
  }
  adminKeyUsed: { input: { id: number; at: number }; output: Record<never, never> }
  /** Each secret sealed anew, under another passphrase. */
  resealExternalKeys: {
    input: { keys: readonly { kid: string; sealed: Uint8Array }[]; audit: AuditEntry }
    output: Record<never, never>
  }
  sweepIdempotencyKeys: { input: { issuedBefore: number; limit: number }; output: { more: boolean } }
  recordCrl: { input: CrlRecord; output: Record<never, never> }
  carryRevocation: { input: CarriedRevocation; output: Record<never, never> }
  leapNumbers: { input: { by: number }; output: Record<never, never> }
  leapCrlNumbers: { input: { authority: string; from: number; by: number }; output: Record<never, never> }
  recordPublication: { input: CrlPublication; output: Record<never, never> }
  recordOcspResponse: { input: OcspResponseRecord; output: Record<never, never> }
  createEstUser: { input: EstUserRecord; output: Record<never, never> }
  revokeEstUser: { input: { name: string; at: number; audit: AuditEntry }; output: { changed: boolean } }
  audit: { input: AuditEntry; output: Record<never, never> }
  recordAuditHead: { input: AuditHeadRecord; output: Record<never, never> }
}
export type CommandKind = keyof Commands

/** Who, from where, did what to what, and how it ended. `at` is in milliseconds since 1970. */
export interface AuditEntry {
  at: number
  /** A principal's id. */
  actor: string
  address: string
  requestId: string
  /** Such as "certificate.issue", "certificate.refuse", "certificate.revoke", "token.create". */
  action: string
  /** The serial number, token or authority it was done to; empty if there is none. */
  target: string
  result: 'ok' | 'refused' | 'failed'
  /** JSON: what else is worth knowing. Never a secret. */
  detail: Record<string, unknown>
}

/** What the service signed: up to this row the audit log was the one whose newest hash is this. */
export interface AuditHeadRecord {
  /** Id of the row. */
  row: number
  hash: Uint8Array
  signedAt: number
  /** Serial number of the signer's certificate. */
  certificate: string
  signature: Uint8Array
}

export interface IssuanceRecord {
  serialNumber: string
  authority: string
  profile: string
  /** RFC 4514 text, for people. */
  subject: string
  names: readonly SubjectName[]
  notBefore: number
  notAfter: number
  /** Milliseconds since 1970. */
  issuedAt: number
  principal: string
  der: Uint8Array
  /** SHA-256 of the subjectPublicKeyInfo. */
  keyHash: Uint8Array
  /** The serial number of the certificate that this one renews. */
  replaces: string | null
  /** The partition of the authority's CRL that the certificate names, if not the full one, and the URL in it. */
  partition: { number: number; url: string } | null
  /** The one-time token that this issuance uses up, in the same transaction. */
  tokenId: number | null
  /** `countsFrom`: a key of a certificate that was issued before is free again. Milliseconds since 1970. */
  idempotency: { scope: string; key: string; requestHash: Uint8Array; countsFrom: number } | null
  /** The ACME order that this fulfils, in the same transaction; "conflict" unless it is ready. */
  orderId: number | null
  /** The request that this approves, in the same transaction; "conflict" unless it is pending. Then a token bound to it is used up. */
  approves: { requestId: number; keptUntil: number } | null
  audit: AuditEntry
}

/** One whose certificate the writer signs before it records it. */
export interface UnsignedIssuance extends Omit<IssuanceRecord, 'der'> {
  unsigned: UnsignedCertificate
}

export interface UnsignedCertificate extends Pick<SignatureAlgorithm, 'hash' | 'identifier'> {
  /** TBSCertificate, DER. */
  tbs: Uint8Array
  /** The issuer's private key. */
  key: KeyObject
  /** What must be proven before the key is used; null where it was. */
  possession: Possession | null
}

/** "replayed": the idempotency key was recorded first by another request with the same CSR; nothing was written. */
export type IssuanceOutcome =
  | { outcome: 'recorded'; der: Uint8Array }
  | { outcome: 'replayed'; serialNumber: string }

export interface RevocationRecord {
  serialNumber: string
  revokedAt: number
  /** CRLReason (RFC 5280 5.3.1). */
  reason: number
  invalidityDate: number | null
  /** The finished CRL entry for these facts, encoded once. */
  entry: Uint8Array
  audit: AuditEntry
}

/** A revocation of a certificate that is not on record, as a CRL of its authority tells it. */
export interface CarriedRevocation extends RevocationRecord {
  authority: string
}

export interface ReleaseRecord {
  serialNumber: string
  /** The finished entry that says removeFromCRL, for delta CRLs. */
  entry: Uint8Array
  audit: AuditEntry
}

/** `changed` is false when the certificate was already revoked: the first facts stand, and are given back. */
export interface RevocationOutcome {
  changed: boolean
  authority: string
  /** Of the authority's CRL, where the certificate names one. */
  partition: number | null
  revocation: RevocationFacts | null
}

export interface RevocationFacts {
  revokedAt: number
  reason: number
  invalidityDate: number | null
}

export interface TokenRecord {
  /** SHA-256 of the secret; the secret itself is never stored. */
  hash: Uint8Array
  profile: string
  names: readonly SubjectName[]
  expiresAt: number
  createdAt: number
  createdBy: string
  audit: AuditEntry
}

/** What the holder of an admin key may do, the most first: everything; revoke and approve, beside reading; read. */
export const ROLES = ['admin', 'operator', 'auditor'] as const
export type Role = (typeof ROLES)[number]

export interface AdminKeyRecord {
  name: string
  role: Role
  hash: Uint8Array
  createdAt: number
  createdBy: string
  audit: AuditEntry
}

/** A new secret for an admin key. `formerUntil`: until when the secret of before still opens; null: no more. */
export interface AdminKeyRotation {
  id: number
  hash: Uint8Array
  at: number
  formerUntil: number | null
  audit: AuditEntry
}

/** A full CRL of all certificates that somebody brought. Refused unless `number` is above every number so far. */
export interface CrlRecord extends CrlBody {
  authority: string
  number: number
  thisUpdate: number
  /** Ids of authorities that are the same CA by another certificate, whose CRL it is as well. */
  alsoOf?: readonly string[]
  audit?: AuditEntry
}

export interface CrlBody {
  nextUpdate: number
  /** Empty where it is too long for the database, and kept in a file. */
  der: Uint8Array
  entries: number
}

/** What a CRL speaks of: all certificates of an authority (`partition` null), or those that name one partition. */
export interface CrlScope {
  authority: string
  partition: number | null
}

/** The full CRL that deltas count from. `through` is the newest change that it knows of. */
export interface CrlBase {
  number: number
  thisUpdate: number
  through: number
}

/**
 * What the service made of one state of a scope: the full CRL, the delta, or both under one number. A full CRL without a
 * delta ends the scope's deltas. Refused unless `number` is above every number that this scope has had.
 */
export interface CrlPublication extends CrlScope {
  number: number
  thisUpdate: number
  /** The newest change (audit row) of the scope that is in it. */
  through: number
  /** What the scope's next deltas count from. */
  base: CrlBase
  /** The URLs in its issuingDistributionPoint; none for all certificates. */
  locations: readonly string[]
  full: CrlBody | null
  delta: CrlBody | null
}

/** A proven OCSP response that somebody brought. Refused unless it is newer than the one about the same CertID. */
export interface OcspResponseRecord {
  authority: string
  /** The CertID's TLV. */
  certId: Uint8Array
  thisUpdate: number
  nextUpdate: number
  der: Uint8Array
  audit: AuditEntry
}

/** Who enrols over EST by name and password. */
export interface EstUserRecord {
  name: string
  /** SHA-256 of the password. */
  hash: Uint8Array
  /** The only label that it opens; null: any. */
  label: string | null
  /** Patterns of what it may enrol; null: those of the label. */
  names: readonly string[] | null
  expiresAt: number | null
  createdAt: number
  createdBy: string
  audit: AuditEntry
}
