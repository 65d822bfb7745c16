import type { SubjectName } from '../pki/names/san.ts'
import type { AuditEntry } from './commands.ts'

/** What becomes of requests for certificates that a person approves. Times are seconds since 1970. */
export interface ApprovalCommands {
  createRequest: { input: RequestRecord; output: { requestId: number; created: boolean } }
  /** "conflict" unless it is pending and has not expired at `at`. */
  refuseRequest: {
    input: { requestId: number; at: number; reason: string; keptUntil: number; audit: AuditEntry }
    output: Record<never, never>
  }
  /** Removes some of what has been kept for long enough; call again while `more`. */
  sweepRequests: { input: { now: number; limit: number }; output: { more: boolean } }
}

/**
 * A request to be approved. Where the same one is on record, and pending or decided, that one stays and nothing is written.
 * "tokenSpent" for a token that was used up, is over, or belongs to another request; "tooManyPending" beyond `most`.
 */
export interface RequestRecord {
  /** SHA-256 over who asks for what. */
  fingerprint: Uint8Array
  principal: string
  protocol: string
  profile: string
  /** As asked for, as are the life and the names. */
  authority: string | null
  validity: number | null
  notAfter: number | null
  names: readonly SubjectName[]
  /** DER; null where the key of the certificate to be renewed was proven in the TLS handshake. */
  csr: Uint8Array | null
  keyType: string
  /** SHA-256 of the subjectPublicKeyInfo. */
  keyHash: Uint8Array
  /** RFC 4514 text, for people. */
  subject: string
  /** The serial number of the certificate to be renewed. */
  renewalOf: string | null
  tokenId: number | null
  idempotency: { key: string; requestHash: Uint8Array } | null
  createdAt: number
  expiresAt: number
  keptUntil: number
  /** Requests of one principal that may be undecided. */
  most: number
  audit: AuditEntry
}
