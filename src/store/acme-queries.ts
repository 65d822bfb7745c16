import type { Page } from './queries.ts'

/** What ACME reads. Identifiers as in `AcmeCommands`; problems are JSON texts. */
export interface AcmeQueries {
  acmeAccount(accountId: number): Promise<AcmeAccountRow | null>
  /** Thumbprints of the keys that the account had before, the latest first. */
  acmeFormerKeys(accountId: number): Promise<Buffer[]>
  acmeAccountByThumbprint(thumbprint: Uint8Array): Promise<AcmeAccountRow | null>
  /** The newest first; of one external key (its kid), or all. */
  listAcmeAccounts(
    externalKey: string | null,
    page: Page,
  ): Promise<{ rows: AcmeAccountRow[]; next: string | null }>
  acmeOrder(orderId: number): Promise<AcmeOrderRow | null>
  /** The type of the challenge that proved a part of the order that none of these has proven; null where there is no such part. */
  acmeOrderProvenOtherwise(orderId: number, provenBy: readonly string[]): Promise<string | null>
  /** The newest first; of one account, or of all. */
  listAcmeOrders(accountId: number | null, page: Page): Promise<{ rows: AcmeOrderRow[]; next: string | null }>
  acmeAuthorization(authorizationId: number): Promise<AcmeAuthorizationRow | null>
  /** The authorization that a challenge is of. */
  acmeAuthorizationOf(challengeId: number): Promise<AcmeAuthorizationRow | null>
  /** Challenges that are processing, by rising id. */
  processingAcmeChallenges(after: number, limit: number): Promise<number[]>
  /** A certificate that was ordered, as its account fetches it. */
  acmeCertificate(serialNumber: string): Promise<AcmeCertificateRow | null>
  /** Whether an account holds valid authorizations for all of the identifiers at this time, exactly or from above, by these challenges. */
  areAcmeIdentifiersAuthorized(
    accountId: number,
    wanted: readonly AcmeWanted[],
    provenBy: readonly string[],
    now: number,
  ): Promise<boolean>
  externalKey(kid: string): Promise<ExternalKeyRow | null>
  listExternalKeys(page: Page): Promise<{ rows: ExternalKeyRow[]; next: string | null }>
  /** The newest call for renewal that concerns the certificate. */
  renewalCall(serialNumber: string): Promise<RenewalCallRow | null>
}

export interface AcmeWanted {
  /** Any of these will do. */
  readonly any: readonly { identifier: string; wildcard: boolean; subdomains: boolean }[]
}

export type AcmeAccountStatus = 'valid' | 'deactivated' | 'revoked'

export interface AcmeAccountRow {
  accountId: number
  status: AcmeAccountStatus
  thumbprint: Buffer
  jwk: string
  contacts: string[]
  termsAgreedAt: number | null
  externalBinding: string | null
  /** What the external account's key allows; null where there is none. */
  external: { kid: string; profiles: string[] | null; names: string[] | null } | null
  createdAt: number
  createdFrom: string
}

export interface AcmeOrderRow {
  orderId: number
  accountId: number
  status: 'pending' | 'ready' | 'valid' | 'invalid'
  expiresAt: number
  createdAt: number
  identifiers: string[]
  profile: string
  profileAsked: boolean
  notBefore: number | null
  notAfter: number | null
  replaces: string | null
  error: string | null
  serialNumber: string | null
  /** In the order of the identifiers. Those of an order that was fulfilled may be gone. */
  authorizations: number[]
}

export interface AcmeCertificateRow {
  accountId: number
  authority: string
  profile: string
  der: Buffer
}

export interface AcmeChallengeRow {
  challengeId: number
  type: string
  token: string
  status: 'pending' | 'processing' | 'valid' | 'invalid'
  attempts: number
  /** As the client knew it when it asked for validation. */
  accountUrl: string | null
  validatedAt: number | null
  error: string | null
}

export interface AcmeAuthorizationRow {
  authorizationId: number
  accountId: number
  identifier: string
  wildcard: boolean
  subdomains: boolean
  status: 'pending' | 'valid' | 'invalid' | 'deactivated' | 'revoked'
  expiresAt: number
  challenges: AcmeChallengeRow[]
}

export interface ExternalKeyRow {
  kid: string
  sealed: Buffer
  profiles: string[] | null
  names: string[] | null
  singleUse: boolean
  expiresAt: number | null
  createdAt: number
  createdBy: string
  revokedAt: number | null
  usedAt: number | null
  /** How many accounts are bound by it. */
  accounts: number
}

export interface RenewalCallRow {
  startsAt: number
  endsAt: number
  explanationUrl: string | null
}
