import type { SubjectName } from '../pki/names/san.ts'
import type { Page } from './queries.ts'

/** Requests for certificates that a person approves, as they are read. */
export interface ApprovalQueries {
  request(requestId: number): Promise<RequestRow | null>
  /** The newest. */
  requestByFingerprint(fingerprint: Uint8Array): Promise<RequestRow | null>
  /** How many wait for a decision. `now`: seconds since 1970. */
  countPendingRequests(now: number): Promise<number>
  listRequests(filter: RequestFilter, page: Page): Promise<{ rows: RequestRow[]; next: string | null }>
}

/** What a request is at some moment: a pending one whose time is over has expired, though nobody has written that down. */
export type RequestState = 'pending' | 'approved' | 'refused' | 'expired'

export interface RequestFilter {
  state?: RequestState
  /** Needed by `state`. Seconds since 1970. */
  now: number
}

/** Times in seconds since 1970. */
export interface RequestRow {
  requestId: number
  /** As it was written down: see `stateOf` in ca/waiting-requests.ts. */
  state: Exclude<RequestState, 'expired'>
  fingerprint: Buffer
  principal: string
  protocol: string
  profile: string
  authority: string | null
  validity: number | null
  notAfter: number | null
  names: SubjectName[]
  csr: Buffer | null
  keyType: string
  keyHash: Buffer
  subject: string
  renewalOf: string | null
  tokenId: number | null
  idempotency: { key: string; requestHash: Buffer } | null
  createdAt: number
  expiresAt: number
  decidedAt: number | null
  decidedBy: string | null
  /** Of the refusal. */
  reason: string | null
  /** Of the certificate that came of it. */
  serialNumber: string | null
}
