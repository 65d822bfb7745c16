import type { SubjectName } from '../pki/names/san.ts'
import type { AcmeQueries } from './acme-queries.ts'
import type { ApprovalQueries, RequestRow } from './approval-queries.ts'
import type { AuthorityRecord } from './authority-commands.ts'
import type { ChainedFacts } from './chain-hash.ts'
import type { AuditHeadRecord, CrlBase, CrlScope, EstUserRecord, RevocationFacts, Role } from './commands.ts'
import type { NoticeQueries } from './notice-queries.ts'

/** Every read. Asynchronous, so that a server database can stand behind it. Lists are pages by keyset, never by offset. */
export interface Queries extends AcmeQueries, ApprovalQueries, NoticeQueries {
  certificate(serialNumber: string): Promise<CertificateRow | null>
  /**
   * The serial number of the one that a certificate was renewed to, over however many between: of those that have begun at `now` and are
   * not revoked; its own where there is none. Null where it is unknown, or was renewed too often to be followed.
   */
  newestRenewal(serialNumber: string, now: number): Promise<string | null>
  /** What OCSP needs, no more. `authority` must match, or the answer is null. */
  certificateStatus(authority: string, serialNumber: string): Promise<CertificateStatus | null>
  /** No query walks an index without end: a page may be short, or empty, and the search goes on at `next`, null at its end. */
  searchCertificates(
    filter: CertificateFilter,
    page: Page,
  ): Promise<{ rows: CertificateSummary[]; next: string | null }>
  /** How many match, counting no further than `limit`; in steps, between which others search and write. */
  countCertificates(filter: CertificateFilter, limit: number): Promise<number>
  /** What became of certificates on the day that begins at `from`, in seconds since 1970; no further than some bound. */
  countDay(from: number): Promise<DayCount>
  /** `serialNumber` is null for a request that has no certificate (yet). `countsFrom`: as it is recorded by. */
  idempotentIssuance(
    scope: string,
    key: string,
    countsFrom: number,
  ): Promise<{ requestHash: Buffer; serialNumber: string | null } | null>
  token(tokenId: number): Promise<TokenRow | null>
  tokenByHash(hash: Uint8Array): Promise<TokenRow | null>
  listTokens(page: Page): Promise<{ rows: TokenRow[]; next: string | null }>
  /** By its secret, or at `now` by the one of before a rotation. Null for a revoked one as well. */
  adminKeyByHash(hash: Uint8Array, now: number): Promise<LivingAdminKey | null>
  adminKey(id: number): Promise<AdminKeyRow | null>
  /** All there ever were, the oldest first. */
  adminKeys(): Promise<AdminKeyRow[]>
  estUser(name: string): Promise<EstUserRow | null>
  listEstUsers(page: Page): Promise<{ rows: EstUserRow[]; next: string | null }>
  authorities(): Promise<AuthorityRow[]>
  /** The oldest first. */
  crossCertificates(): Promise<CrossCertificateRow[]>
  /** The last notAfter among an authority's certificates, those of `profile` left out; null where there are none. */
  lastExpiry(authority: string, profile: string): Promise<number | null>
  /** The full one of all certificates. */
  latestCrl(authority: string): Promise<CrlRow | null>
  scopeCrls(scope: CrlScope): Promise<{ full: ScopeCrlRow | null; delta: ScopeCrlRow | null }>
  /** The newest revocation or release in the scope, 0 if there is none: what `through` is compared with. */
  latestChange(scope: CrlScope): Promise<number>
  /** Where certificates of this authority say that partitions of its CRL are. */
  crlLocations(authority: string): Promise<{ partition: number; url: string }[]>
  /** One that was brought, by the exact bytes of the CertID. */
  ocspResponse(authority: string, certId: Uint8Array): Promise<OcspResponseRow | null>
  /** When each response that was brought ends. */
  ocspResponseEnds(): Promise<{ authority: string; certId: Buffer; nextUpdate: number }[]>
  /** Pages as those of `searchCertificates`. */
  listAudit(filter: AuditFilter, page: Page): Promise<{ rows: AuditRow[]; next: string | null }>
  /** Rows of the audit log behind `after` up to `through`, the oldest first, each with its hash. */
  auditChain(after: number, through: number, limit: number): Promise<ChainRow[]>
  /** What was signed of the rows behind `after` up to `through`, in their order. */
  auditHeads(after: number, through: number): Promise<AuditHeadRow[]>
  newestAudit(): Promise<{ id: number; hash: string | null } | null>
  newestAuditHead(): Promise<AuditHeadRow | null>
  /** Milliseconds since 1970 of the first row behind this one. */
  auditTimeAfter(row: number): Promise<number | null>
}

export interface CertificateSummary {
  serialNumber: string
  authority: string
  profile: string
  subject: string
  names: SubjectName[]
  notBefore: number
  notAfter: number
  /** Milliseconds since 1970. */
  issuedAt: number
  principal: string
  revocation: RevocationFacts | null
}

export interface CertificateRow extends CertificateSummary {
  der: Buffer
  keyHash: Buffer
  replaces: string | null
  /** The newest certificate that names this one as replaced. */
  replacedBy: string | null
}

export interface CertificateStatus {
  notAfter: number
  revocation: RevocationFacts | null
}

export type CertificateState = 'valid' | 'revoked' | 'held' | 'expired'

/** Every part given must match. Times in seconds since 1970. */
export interface CertificateFilter {
  /** A whole name ("web.example.test"), or with a leading "*" a DNS suffix ("*.example.test"). */
  name?: string
  /** A name as it stands in certificates, that of a wildcard among them. */
  wholeName?: string
  state?: CertificateState
  profile?: string
  principal?: string
  authority?: string
  /** A part of a name or of the subject, in any letter case of ASCII. No index has it: rows are looked at one by one. */
  text?: string
  /** Hexadecimal prefix of the serial number. */
  serialPrefix?: string
  issuedBefore?: number
  issuedAfter?: number
  expiresBefore?: number
  expiresAfter?: number
  /** Needed by `state`: what "expired" is measured against. */
  now: number
}

export interface DayCount {
  /** Seconds since 1970. */
  from: number
  issued: number
  /** Those that end on it, revoked or not. */
  expiring: number
  /** Those that are revoked or held now, and are so since that day. */
  revoked: number
}

/** `after` is the `next` of the page before; opaque to callers, `malformedRequest` if it was made up. */
export interface Page {
  limit: number
  after?: string
}

export interface TokenRow {
  tokenId: number
  profile: string
  names: SubjectName[]
  expiresAt: number
  createdAt: number
  createdBy: string
  revokedAt: number | null
  spentAt: number | null
  spentOn: string | null
  /** That it was used for, where a person approves. */
  request: Pick<RequestRow, 'requestId' | 'state' | 'expiresAt'> | null
}

export interface LivingAdminKey {
  id: number
  name: string
  role: Role
  /** To the minute. */
  lastUsedAt: number | null
}

export interface AdminKeyRow extends LivingAdminKey {
  createdAt: number
  createdBy: string
  rotatedAt: number | null
  /** Until when the secret of before the newest rotation opens. */
  formerUntil: number | null
  revokedAt: number | null
}

export type EstUserRow = Omit<EstUserRecord, 'audit' | 'hash' | 'names'> & {
  hash: Buffer
  names: string[] | null
  revokedAt: number | null
}

export type AuthorityRow = Omit<AuthorityRecord, 'audit' | 'certificate' | 'chain' | 'csr'> & {
  certificate: Buffer | null
  chain: Buffer[]
  csr: Buffer | null
  /** Since when its certificate stands in bundles, and when its state changed last. Seconds since 1970. */
  publishedAt: number | null
  changedAt: number | null
}

/** A certificate that authority `subject` has from authority `issuer`, beside its own. */
export interface CrossCertificateRow {
  certificate: Buffer
  subject: string
  issuer: string
  /** Seconds since 1970. */
  installedAt: number
}

export interface CrlRow {
  number: number
  thisUpdate: number
  nextUpdate: number
  entries: number
  /** Empty where it is kept in a file. */
  der: Buffer
}

export interface ScopeCrlRow extends CrlRow {
  /** The newest change that it knows of; -1 where nobody knows. */
  through: number
  base: CrlBase
  locations: string[]
}

export interface OcspResponseRow {
  thisUpdate: number
  nextUpdate: number
  der: Buffer
}

/** A row of the audit log with its place in the chain, hexadecimal; null where it has none, as one that somebody put there. */
export interface ChainRow extends ChainedFacts {
  readonly hash: string | null
}

export type AuditHeadRow = Omit<AuditHeadRecord, 'hash' | 'signature'> & {
  /** Hexadecimal. */
  hash: string
  /** Base64. */
  signature: string
}

export interface AuditFilter {
  actor?: string
  action?: string
  target?: string
  /** Milliseconds since 1970. */
  from?: number
  to?: number
}

export interface AuditRow {
  id: number
  at: number
  actor: string
  address: string
  requestId: string
  action: string
  target: string
  result: string
  detail: Record<string, unknown>
}
