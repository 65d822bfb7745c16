import { CaError } from '../../errors.ts'
import type { RenewalCallRecord } from '../acme-commands.ts'
import { serialOctets } from '../columns.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { authorityKeys } from './authority-keys.ts'

export function renewalCallHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const authorityKey = authorityKeys(db)
  const findCertificate = db.prepare<[Buffer], number>('SELECT id FROM certificates WHERE serial = ?').pluck()
  const insert = db.prepare(
    `INSERT INTO renewal_calls (certificate, authority, issued_until_ms, starts_at, ends_at, explanation_url)
     VALUES (?, ?, ?, ?, ?, ?)`,
  )
  // By two indexes: looking at the time of issuance in each row takes 3 s for a million, for which nobody else could write.
  const living = db
    .prepare<[number, number], number>(
      `SELECT count(*) FROM certificates INDEXED BY certificates_authority_expiry
       WHERE authority = ? AND not_after >= ?`,
    )
    .pluck()
  const later = db
    .prepare<[number, number, number], number>(
      `SELECT count(*) FROM certificates INDEXED BY certificates_issued
       WHERE issued_ms > ? AND authority = ? AND not_after >= ?`,
    )
    .pluck()
  return {
    callForRenewal({ which, issuedUntil, startsAt, endsAt, explanationUrl, audit }: RenewalCallRecord) {
      writeAudit(audit)
      if ('authority' in which) {
        const authority = authorityKey(which.authority)
        insert.run(null, authority, issuedUntil, startsAt, endsAt, explanationUrl)
        const now = Math.floor(issuedUntil / 1000)
        return { certificates: living.get(authority, now)! - later.get(issuedUntil, authority, now)! }
      }
      for (const serialNumber of which.serialNumbers) {
        const certificate = findCertificate.get(serialOctets(serialNumber))
        if (certificate === undefined)
          throw new CaError('notFound', `There is no certificate ${serialNumber}.`)
        insert.run(certificate, null, issuedUntil, startsAt, endsAt, explanationUrl)
      }
      return { certificates: which.serialNumbers.length }
    },
  }
}
