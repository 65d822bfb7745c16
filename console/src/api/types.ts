/** Answers of the REST API, as far as pages use them; openapi.yaml describes them whole. */

export type Role = 'admin' | 'operator' | 'auditor'

export interface Session {
  name: string
  role: Role
  expires: string
}

export interface Names {
  dns?: string[]
  ip?: string[]
  email?: string[]
  uri?: string[]
}

export type CertificateState = 'valid' | 'held' | 'revoked' | 'expired'

export interface Revocation {
  revokedAt: string
  reason: string
  invalidityDate: string | null
}

export interface CertificateSummary {
  serialNumber: string
  authority: string
  profile: string
  subject: string
  names: Names
  notBefore: string
  notAfter: string
  issuedAt: string
  principal: string
  state: CertificateState
  revocation: Revocation | null
}

export interface Certificate extends CertificateSummary {
  certificate: string
  chain: string[]
  replaces: string | null
  replacedBy: string | null
}

export interface BulkOutcome {
  dryRun: boolean
  matched: number
  revoked: number
  serialNumbers: string[]
}

export interface Authority {
  id: string
  role: 'root' | 'intermediate' | 'issuing'
  state: string
  isDefault: boolean
  subject: string | null
  notBefore: string | null
  notAfter: string | null
  answersUntil: string | null
  revokedBy: string | null
  fingerprint: string | null
  certificate: string | null
  chain: string[]
  crl: { number: number; thisUpdate: string; nextUpdate: string; entries: number } | null
}

export interface Check {
  name: string
  ok: boolean
  reason: string | null
  until?: string
}

export interface Readiness {
  status: 'ready' | 'not ready'
  checks: Check[]
}

export interface DayCounts {
  from: string
  days: { day: string; issued: number; revoked: number; expiring: number }[]
}

export interface Profile {
  name: string
  description: string
  isDefault: boolean
  defaultValidity: string
  maximumValidity: string
}

export type RequestState = 'pending' | 'approved' | 'refused' | 'expired'

export interface ApprovalRequest {
  id: number
  state: RequestState
  requestedBy: string
  protocol: string
  profile: string
  authority: string | null
  subject: string
  names: Names
  keyType: string
  keySha256: string
  validity: number | null
  notAfter: string | null
  replaces: string | null
  createdAt: string
  expiresAt: string
  decidedAt: string | null
  decidedBy?: string | null
  reason: string | null
  serialNumber: string | null
}

export interface Token {
  id: number
  profile: string
  names: Names
  expiresAt: string
  state: 'open' | 'pending' | 'spent' | 'revoked' | 'expired'
  createdAt: string
  createdBy: string
  spentOn: string | null
}

export interface EabKey {
  kid: string
  profiles: string[] | null
  names: string[] | null
  singleUse: boolean
  state: 'open' | 'used' | 'revoked' | 'expired'
  expiresAt: string | null
  createdAt: string
  createdBy: string
  accounts: number
}

export interface AcmeAccount {
  id: number
  status: 'valid' | 'deactivated' | 'revoked'
  contacts: string[]
  thumbprint: string
  externalKey: { kid: string } | null
  createdAt: string
  createdFrom: string
}

export interface AcmeOrder {
  id: number
  account: number
  status: 'pending' | 'ready' | 'valid' | 'invalid'
  names: Names
  profile: string
  createdAt: string
  expiresAt: string
  error: { detail?: string; type?: string } | null
  certificate: string | null
}

export interface AcmeWholeOrder extends AcmeOrder {
  authorizations: {
    id: number
    name: string
    status: string
    expiresAt: string
    challenges: { type: string; status: string; attempts: number; error: { detail?: string } | null }[]
  }[]
}

export interface AuditEntry {
  id: number
  at: string
  actor: string
  address: string
  requestId: string
  action: string
  target: string
  result: string
  detail: Record<string, unknown>
}
