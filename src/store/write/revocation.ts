import { CaError } from '../../errors.ts'
import { REASON } from '../../pki/crl/reasons.ts'
import { serialOctets } from '../columns.ts'
import type {
  CarriedRevocation,
  ReleaseRecord,
  RevocationFacts,
  RevocationOutcome,
  RevocationRecord,
} from '../commands.ts'
import type { Connection } from '../connection.ts'
import { certificateData, revocationData, revocationType } from '../notice-data.ts'
import {
  factsOf,
  type StoredFacts,
  type StoredSummary,
  SUMMARY_COLUMNS,
  summaryOf,
} from '../read/certificate-row.ts'
import { auditWriter } from './audit.ts'
import { authorityKeys } from './authority-keys.ts'
import type { Outbox } from './outbox.ts'

export function revocationHandlers(db: Connection, outbox: Outbox | null) {
  const find = revocationFinder(db)
  const writeAudit = auditWriter(db)
  const dataOf = noticeData(db)
  // A hold that becomes permanent takes the new facts whole, date and all: the entry given for the CRL states
  // them, and OCSP, CRL and inventory must tell one story.
  const save = db.prepare(
    `INSERT INTO revocations (certificate, authority, not_after, partition, revoked_at, reason, invalidity_date, change,
       entry)
     SELECT id, authority, not_after, partition, :revokedAt, :reason, :invalidityDate, :change, :entry
     FROM certificates WHERE id = :id
     ON CONFLICT (certificate) DO UPDATE SET revoked_at = excluded.revoked_at, reason = excluded.reason,
       invalidity_date = excluded.invalidity_date, change = excluded.change, entry = excluded.entry`,
  )
  const remove = db.prepare('DELETE FROM revocations WHERE certificate = ?')
  const saveRelease = db.prepare(
    `INSERT INTO releases (certificate, authority, not_after, partition, change, entry)
     SELECT id, authority, not_after, partition, :change, :entry FROM certificates WHERE id = :id`,
  )
  const forgetRelease = db.prepare('DELETE FROM releases WHERE certificate = ?')
  const authorityKey = authorityKeys(db)
  // What the newer CRL says of one that was carried over before is what counts: a hold may have become permanent.
  const carry = db.prepare(
    `INSERT OR REPLACE INTO carried_revocations (authority, serial, revoked_at, reason, invalidity_date, change, entry)
     VALUES (:authority, :serial, :revokedAt, :reason, :invalidityDate, :change, :entry)`,
  )
  return {
    carryRevocation({ serialNumber, audit, authority, ...facts }: CarriedRevocation) {
      carry.run({
        ...{ ...facts, authority: authorityKey(authority) },
        ...{ serial: serialOctets(serialNumber), change: writeAudit(audit) },
      })
      return {}
    },

    revoke(record: RevocationRecord): RevocationOutcome {
      const { id, authority, partition, revocation: first } = find(record.serialNumber)
      const hardens = first?.reason === REASON.certificateHold && record.reason !== REASON.certificateHold
      if (first && !hardens) return { changed: false, authority, partition, revocation: first }
      const { revokedAt, reason, invalidityDate, entry } = record
      save.run({ id, revokedAt, reason, invalidityDate, entry, change: writeAudit(record.audit, id) })
      forgetRelease.run(id)
      const revocation = { revokedAt, reason, invalidityDate }
      outbox?.put(revocationType(revocation), record.audit.at, () => ({
        ...dataOf(id),
        ...revocationData(revocation),
      }))
      return { changed: true, authority, partition, revocation }
    },

    /** The row goes; that there was a hold stays in the audit log, and in delta CRLs for as long as it matters. */
    release(record: ReleaseRecord): RevocationOutcome {
      const { id, authority, partition, revocation } = find(record.serialNumber)
      // RFC 5280 5.3.1: the only revocation that can be taken back.
      if (revocation?.reason !== REASON.certificateHold) {
        throw new CaError(
          'notOnHold',
          `Certificate ${record.serialNumber} is not on hold; there is nothing to release.`,
        )
      }
      remove.run(id)
      saveRelease.run({ id, entry: record.entry, change: writeAudit(record.audit, id) })
      outbox?.put('certificate.released', record.audit.at, () => dataOf(id))
      return { changed: true, authority, partition, revocation: null }
    },
  }
}

/** What a notice says of a certificate. */
function noticeData(db: Connection) {
  const find = db.prepare<[number], StoredSummary>(
    `SELECT ${SUMMARY_COLUMNS} FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id WHERE c.id = ?`,
  )
  return (id: number) => certificateData(summaryOf(find.get(id)!))
}

interface FoundRow extends StoredFacts {
  id: number
  authority: string
  partition: number | null
}

function revocationFinder(db: Connection) {
  const find = db.prepare<[Buffer], FoundRow>(
    `SELECT c.id AS id, a.id AS authority, c.partition AS partition, r.revoked_at AS revokedAt, r.reason AS reason,
       r.invalidity_date AS invalidityDate
     FROM certificates c CROSS JOIN authorities a ON a.key = c.authority
     LEFT JOIN revocations r ON r.certificate = c.id WHERE c.serial = ?`,
  )
  return (
    serialNumber: string,
  ): Pick<FoundRow, 'id' | 'authority' | 'partition'> & { revocation: RevocationFacts | null } => {
    const row = find.get(serialOctets(serialNumber))
    if (!row) throw new CaError('notFound', `There is no certificate with serial number ${serialNumber}.`)
    const { id, authority, partition } = row
    return { id, authority, partition, revocation: factsOf(row) }
  }
}
