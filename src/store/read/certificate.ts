import { principalColumn, serialOctets } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { CertificateRow, CertificateStatus } from '../queries.ts'
import { certificateUnpacker, type PackedDer } from './certificate-der.ts'
import {
  factsOf,
  type StoredFacts,
  type StoredSummary,
  SUMMARY_COLUMNS,
  summaryOf,
} from './certificate-row.ts'

interface StoredCertificate extends StoredSummary, PackedDer {
  keyHash: Buffer
  replaces: Buffer | null
  replacedBy: Buffer | null
}

/** The certificate that a request with this key got, issued at `countsFrom` (milliseconds since 1970) or later; undefined: none. */
export function idempotencyFinder(db: Connection) {
  const find = db.prepare<[string, string, number], { requestHash: Buffer; serial: Buffer }>(
    `SELECT k.request_hash AS requestHash, c.serial AS serial
     FROM idempotency_keys k JOIN certificates c ON c.id = k.certificate
     WHERE k.scope = ? AND k.key = ? AND c.issued_ms >= ?`,
  )
  return (scope: string, key: string, countsFrom: number) => {
    const row = find.get(scope, key, countsFrom)
    return row && { requestHash: row.requestHash, serialNumber: row.serial.toString('hex') }
  }
}

export function certificateQueries(db: Connection) {
  const unpacked = certificateUnpacker(db)
  const bySerial = db.prepare<[Buffer], StoredCertificate>(
    `SELECT ${SUMMARY_COLUMNS}, c.der AS der, c.form AS form, c.key_hash AS keyHash,
       (SELECT o.serial FROM certificates o WHERE o.id = c.replaces) AS replaces,
       (SELECT n.serial FROM certificates n WHERE n.replaces = c.id ORDER BY n.id DESC LIMIT 1) AS replacedBy
     FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id WHERE c.serial = ?`,
  )
  const status = db.prepare<[string, Buffer], StoredFacts & { notAfter: number }>(
    `SELECT c.not_after AS notAfter, r.revoked_at AS revokedAt, r.reason AS reason,
       r.invalidity_date AS invalidityDate
     FROM certificates c CROSS JOIN authorities a ON a.key = c.authority AND a.id = ?
     LEFT JOIN revocations r ON r.certificate = c.id WHERE c.serial = ?`,
  )
  const carried = db.prepare<[string, Buffer], StoredFacts>(
    `SELECT revoked_at AS revokedAt, reason, invalidity_date AS invalidityDate FROM carried_revocations
     WHERE authority = (SELECT key FROM authorities WHERE id = ?) AND serial = ?`,
  )
  const byIdempotencyKey = idempotencyFinder(db)
  const byKeyOfRequest = db
    .prepare<[Buffer | string, string], Buffer>(
      'SELECT idempotency_hash FROM requests WHERE principal = ? AND idempotency_key = ?',
    )
    .pluck()
  return {
    async certificate(serialNumber: string): Promise<CertificateRow | null> {
      const row = bySerial.get(serialOctets(serialNumber))
      if (!row) return null
      return {
        ...summaryOf(row),
        der: unpacked(row),
        keyHash: row.keyHash,
        replaces: row.replaces?.toString('hex') ?? null,
        replacedBy: row.replacedBy?.toString('hex') ?? null,
      }
    },

    async certificateStatus(authority: string, serialNumber: string): Promise<CertificateStatus | null> {
      const serial = serialOctets(serialNumber)
      const row = status.get(authority, serial)
      if (row) return { notAfter: row.notAfter, revocation: factsOf(row) }
      const facts = carried.get(authority, serial)
      // Its end is not known: it stays revoked for as long as somebody asks.
      return facts ? { notAfter: Number.MAX_SAFE_INTEGER, revocation: factsOf(facts) } : null
    },

    async idempotentIssuance(scope: string, key: string, countsFrom: number) {
      const issued = byIdempotencyKey(scope, key, countsFrom)
      if (issued) return issued
      const requestHash = byKeyOfRequest.get(principalColumn(scope), key)
      return requestHash ? { requestHash, serialNumber: null } : null
    },
  }
}
