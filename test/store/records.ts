import { createHash } from 'node:crypto'
import type { AuthorityRecord } from '../../src/store/authority-commands.ts'
import type {
  AuditEntry,
  IssuanceOutcome,
  IssuanceRecord,
  RevocationRecord,
  TokenRecord,
} from '../../src/store/commands.ts'

/** 2026-01-01T00:00:00Z, in seconds. */
export const NOW = 1_767_225_600
export const DAY = 86_400

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

/** The serial number of the n-th certificate of a test: 20 octets, as real ones are. */
export function serial(n: number): string {
  return `40${sha256(`serial ${n}`).toString('hex').slice(0, 38)}`
}

export function audit(action: string, target = '', at = NOW * 1000): AuditEntry {
  return {
    at,
    actor: 'admin:default',
    address: '192.0.2.1',
    requestId: `request-${target}`,
    action,
    target,
    result: 'ok',
    detail: { note: action },
  }
}

export function authority(changes: Partial<AuthorityRecord> = {}): AuthorityRecord {
  const id = changes.id ?? 'issuing'
  return {
    id,
    role: 'issuing',
    state: 'active',
    isDefault: id === 'issuing',
    certificate: Buffer.from(`certificate of ${id}`),
    chain: [Buffer.from('root')],
    csr: null,
    keyFile: `keys/${id}.pem`,
    hash: 'sha256',
    createdAt: NOW,
    replaces: null,
    audit: audit('authority.create', id),
    ...changes,
  }
}

export function issuance(n: number, changes: Partial<IssuanceRecord> = {}): IssuanceRecord {
  return {
    serialNumber: serial(n),
    authority: 'issuing',
    profile: 'server',
    subject: `CN=host${n}.example.test`,
    names: [{ type: 'dns', value: `host${n}.example.test` }],
    notBefore: NOW,
    notAfter: NOW + 90 * DAY,
    issuedAt: NOW * 1000 + n,
    principal: 'admin:default',
    der: Buffer.from(`certificate ${n}`),
    keyHash: sha256(`key ${n}`),
    replaces: null,
    partition: null,
    tokenId: null,
    idempotency: null,
    orderId: null,
    approves: null,
    audit: audit('certificate.issue', serial(n)),
    ...changes,
  }
}

/** What the store answers once the n-th certificate is on record. */
export function recorded(n: number, der: Uint8Array = issuance(n).der): IssuanceOutcome {
  return { outcome: 'recorded', der: new Uint8Array(der) }
}

export function revocation(n: number, changes: Partial<RevocationRecord> = {}): RevocationRecord {
  return {
    serialNumber: serial(n),
    revokedAt: NOW + n,
    reason: 1,
    invalidityDate: null,
    entry: Buffer.from(`entry ${n}.`),
    audit: audit('certificate.revoke', serial(n)),
    ...changes,
  }
}

export function token(secret: string, changes: Partial<TokenRecord> = {}): TokenRecord {
  return {
    hash: sha256(secret),
    profile: 'server',
    names: [{ type: 'dns', value: 'web.example.test' }],
    expiresAt: NOW + DAY,
    createdAt: NOW,
    createdBy: 'admin:default',
    audit: audit('token.create'),
    ...changes,
  }
}
