import { readNames, readPrincipal } from '../columns.ts'
import type { RevocationFacts } from '../commands.ts'
import type { CertificateSummary } from '../queries.ts'

/** The columns of a `CertificateSummary`, of certificates `c` left-joined with revocations `r`. */
export const SUMMARY_COLUMNS = `c.id AS id, c.serial AS serial,
  (SELECT a.id FROM authorities a WHERE a.key = c.authority) AS authority,
  (SELECT w.text FROM words w WHERE w.key = c.profile) AS profile,
  c.subject AS subject, c.names AS names, c.not_before AS notBefore, c.not_after AS notAfter,
  c.issued_ms AS issuedAt, c.principal AS principal,
  r.revoked_at AS revokedAt, r.reason AS reason, r.invalidity_date AS invalidityDate`

export interface StoredSummary
  extends Omit<CertificateSummary, 'serialNumber' | 'names' | 'principal' | 'revocation'>,
    StoredFacts {
  id: number
  serial: Buffer
  names: string
  principal: Buffer | string
}

/** All null where a left join found no revocation. */
export interface StoredFacts {
  revokedAt: number | null
  reason: number | null
  invalidityDate: number | null
}

export function summaryOf(row: StoredSummary): CertificateSummary {
  return {
    serialNumber: row.serial.toString('hex'),
    authority: row.authority,
    profile: row.profile,
    subject: row.subject,
    names: readNames(row.names),
    notBefore: row.notBefore,
    notAfter: row.notAfter,
    issuedAt: row.issuedAt,
    principal: readPrincipal(row.principal),
    revocation: factsOf(row),
  }
}

export function factsOf({ revokedAt, reason, invalidityDate }: StoredFacts): RevocationFacts | null {
  return revokedAt === null || reason === null ? null : { revokedAt, reason, invalidityDate }
}
