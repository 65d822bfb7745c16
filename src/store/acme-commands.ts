import type { AuditEntry } from './commands.ts'

/**
 * What ACME (RFC 8555) writes. Identifiers are texts such as "dns:web.example.test" and "ip:192.0.2.1", never with "*.", which
 * `wildcard` stands for. Times are seconds since 1970.
 */
export interface AcmeCommands {
  createAcmeAccount: { input: AcmeAccountRecord; output: { accountId: number; created: boolean } }
  updateAcmeAccount: { input: AcmeAccountUpdate; output: { changed: boolean } }
  rollAcmeAccountKey: { input: AcmeKeyRollover; output: AcmeRolloverOutcome }
  createAcmeOrder: { input: AcmeOrderRecord; output: AcmeOrderOutcome }
  createAcmeAuthorization: { input: AcmeAuthorizationRecord; output: { authorizationId: number } }
  /** `error` becomes that of the open orders that it was for. */
  deactivateAcmeAuthorization: {
    input: { authorizationId: number; error: string }
    output: { changed: boolean }
  }
  /** From pending to processing; no change where it is so already, or where its authorization is not pending. */
  startAcmeChallenge: {
    input: { challengeId: number; at: number; accountUrl: string }
    output: { changed: boolean }
  }
  recordAcmeAttempt: { input: AcmeAttempt; output: Record<never, never> }
  /** Removes some of what has expired; call again while `more`. */
  sweepAcme: { input: { now: number; limit: number }; output: { more: boolean } }
  createExternalKey: { input: ExternalKeyRecord; output: Record<never, never> }
  revokeExternalKey: { input: { kid: string; at: number; audit: AuditEntry }; output: { changed: boolean } }
  callForRenewal: { input: RenewalCallRecord; output: { certificates: number } }
}

export interface AcmeAccountRecord {
  /** SHA-256 (RFC 7638). */
  thumbprint: Uint8Array
  /** JSON: the public key. */
  jwk: string
  contacts: readonly string[]
  termsAgreedAt: number | null
  /** Whose use is proven; refused as "forbidden" if it may not be used (any more). `binding` is the JWS as JSON. */
  external: { kid: string; binding: string } | null
  createdAt: number
  createdFrom: string
  audit: AuditEntry
}

export interface AcmeAccountUpdate {
  accountId: number
  contacts?: readonly string[] | undefined
  termsAgreedAt?: number | undefined
  /** "deactivated" by its holder, "revoked" by an admin. Its open orders and authorizations end with it. */
  status?: 'deactivated' | 'revoked' | undefined
  /** JSON: the problem that becomes that of the open orders which end. */
  error?: string | undefined
  /** Null for what its holder may repeat at will: the audit log is never cut. */
  audit: AuditEntry | null
}

export interface AcmeKeyRollover {
  accountId: number
  /** What the account has, or the key was changed in between ("conflict"). */
  oldThumbprint: Uint8Array
  thumbprint: Uint8Array
  jwk: string
  at: number
  audit: AuditEntry
}
export type AcmeRolloverOutcome = { outcome: 'changed' } | { outcome: 'inUse'; accountId: number }

export interface AcmeChallengeRecord {
  type: string
  token: string
}

/** What must be proven for one identifier. */
export interface AcmeAuthorizationRecord {
  accountId: number
  identifier: string
  wildcard: boolean
  /** Whether it holds for names below as well (RFC 9444). */
  subdomains: boolean
  challenges: readonly AcmeChallengeRecord[]
  createdAt: number
  expiresAt: number
}

/** A valid authorization that will do instead: by its identifier, and whether it must hold for names below. */
export interface AcmeReuse {
  identifier: string
  wildcard: boolean
  subdomains: boolean
}

export interface AcmeOrderRecord {
  accountId: number
  createdAt: number
  expiresAt: number
  /** As ordered: a wildcard with "*.". */
  identifiers: readonly string[]
  profile: string
  /** Whether the client named the profile. */
  profileAsked: boolean
  notBefore: number | null
  notAfter: number | null
  /** The serial number of the certificate that it renews (RFC 9773), and the text that said so. */
  replaces: { serialNumber: string; text: string } | null
  /** For each identifier; two of them that want the same proof get one authorization. */
  authorizations: readonly {
    reuse: readonly AcmeReuse[]
    create: Omit<AcmeAuthorizationRecord, 'accountId' | 'createdAt'>
  }[]
  /** Until when at least a reused authorization must hold. */
  reuseUntil: number
  /** The challenges by which it may have been proven. */
  reuseProvenBy: readonly string[]
}
/** "alreadyReplaced": another order that is not invalid replaces the certificate; nothing was written. */
export type AcmeOrderOutcome = AcmeCreatedOrder | { outcome: 'alreadyReplaced' }

/** What of an order only the store can tell. `authorizations` as in `AcmeOrderRow`. */
export interface AcmeCreatedOrder {
  outcome: 'created'
  orderId: number
  status: 'pending' | 'ready'
  expiresAt: number
  authorizations: number[]
}

/** How one attempt at a challenge ended. Ignored where the challenge is not processing any more. */
export interface AcmeAttempt {
  challengeId: number
  at: number
  /** "retry": it stays processing. */
  outcome: 'valid' | 'invalid' | 'retry'
  /** JSON: the problem, unless valid. */
  error: string | null
  /** Of the authorization, if valid. */
  expiresAt: number
}

export interface ExternalKeyRecord {
  kid: string
  sealed: Uint8Array
  profiles: readonly string[] | null
  names: readonly string[] | null
  singleUse: boolean
  expiresAt: number | null
  createdAt: number
  createdBy: string
  audit: AuditEntry
}

/** Certificates that should be renewed between two times (RFC 9773): those named, or all that an authority has issued so far. */
export interface RenewalCallRecord {
  which: { serialNumbers: readonly string[] } | { authority: string }
  /** Milliseconds since 1970: what was issued later is not concerned. */
  issuedUntil: number
  startsAt: number
  endsAt: number
  explanationUrl: string | null
  audit: AuditEntry
}
