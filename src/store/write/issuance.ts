import { CaError } from '../../errors.ts'
import { namesColumn, principalColumn, searchKey, serialOctets } from '../columns.ts'
import type { IssuanceOutcome, IssuanceRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { issuanceData } from '../notice-data.ts'
import { orderFulfiller, orderReplacement } from './acme-order.ts'
import { requestApprover } from './approval.ts'
import { auditWriter } from './audit.ts'
import { authorityKeys } from './authority-keys.ts'
import { certificatePacker } from './certificate-form.ts'
import { idempotencyKeys } from './idempotency-key.ts'
import type { Outbox } from './outbox.ts'
import { tokenSpender } from './token.ts'
import { wordKeys } from './words.ts'

export function issuanceHandlers(db: Connection, outbox: Outbox | null) {
  const replay = idempotencyKeys(db)
  const replaced = replacedCertificate(db)
  const refuseRevoked = revokedPrincipal(db)
  const insert = certificateInserter(db)
  const spendToken = tokenSpender(db)
  const fulfil = orderFulfiller(db)
  const orderReplaces = orderReplacement(db)
  const approve = requestApprover(db)
  const writeAudit = auditWriter(db)
  return {
    /**
     * The order matters: a retry must be recognised before it finds its own token spent, and so must an approval that
     * comes second.
     */
    recordIssuance(record: IssuanceRecord): IssuanceOutcome {
      // A request that was approved had its key checked when it was made, and an admin does not repeat what its caller does.
      const earlier = record.idempotency && !record.approves && replay.find(record.idempotency)
      if (earlier) return { outcome: 'replayed', serialNumber: earlier }
      const replaces =
        record.replaces === null ? orderReplaces(record.orderId) : replaced(record.replaces, record.issuedAt)
      refuseRevoked(record.principal)
      const certificate = insert(record, replaces)
      if (record.idempotency) replay.save(record.idempotency, certificate)
      if (record.orderId !== null) fulfil(record.orderId, certificate, record.issuedAt)
      if (record.approves) approve(record.approves, record.audit.actor, certificate, record.issuedAt)
      const requestId = record.approves?.requestId ?? null
      if (record.tokenId !== null) spendToken(record.tokenId, record.serialNumber, record.issuedAt, requestId)
      writeAudit(record.audit, certificate)
      outbox?.put('certificate.issued', record.issuedAt, () => issuanceData(record))
      return { outcome: 'recorded', der: record.der }
    },
  }
}

/** The id of the certificate to be renewed, which must still be good at `now` (milliseconds). */
function replacedCertificate(db: Connection) {
  const find = db.prepare<[Buffer], { id: number; notAfter: number; reason: number | null }>(
    `SELECT c.id AS id, c.not_after AS notAfter, r.reason AS reason
     FROM certificates c LEFT JOIN revocations r ON r.certificate = c.id WHERE c.serial = ?`,
  )
  return (serialNumber: string, now: number): number => {
    const row = find.get(serialOctets(serialNumber))
    if (!row) throw new CaError('notFound', `There is no certificate ${serialNumber} to renew.`)
    if (row.reason !== null) {
      throw new CaError(
        'certificateRevoked',
        `Certificate ${serialNumber} is revoked or on hold; it cannot be renewed.`,
      )
    }
    // notAfter is the last second of the certificate's life (RFC 5280 4.1.2.5), not the first after it.
    if (row.notAfter < Math.floor(now / 1000)) {
      throw new CaError(
        'certificateExpired',
        `Certificate ${serialNumber} has expired. Enrol again instead of renewing.`,
      )
    }
    return row.id
  }
}

/** Who was let in may have been revoked since: a key that is made here takes seconds, an approval days. */
function revokedPrincipal(db: Connection) {
  const user = db
    .prepare<[string], number>('SELECT 1 FROM est_users WHERE name = ? AND revoked_at IS NOT NULL')
    .pluck()
  const certificate = db
    .prepare<[Buffer], number>(
      'SELECT 1 FROM certificates c JOIN revocations r ON r.certificate = c.id WHERE c.serial = ?',
    )
    .pluck()
  return (principal: string): void => {
    const [, kind, name = ''] = /^(est|certificate):(.*)$/.exec(principal) ?? []
    if (kind === 'est' && user.get(name))
      throw new CaError('forbidden', `The EST user "${name}", who asked for this, was revoked.`)
    if (kind === 'certificate' && certificate.get(serialOctets(name)))
      throw new CaError('certificateRevoked', 'The certificate by which this was asked for is revoked.')
  }
}

function certificateInserter(db: Connection) {
  const authorityKey = authorityKeys(db)
  const wordKey = wordKeys(db)
  const pack = certificatePacker(db)
  const insert = db.prepare(
    `INSERT INTO certificates (serial, authority, profile, not_before, not_after, issued_ms, replaces, principal,
       subject, names, key_hash, der, partition, form)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const insertLocation = db.prepare(
    'INSERT INTO crl_locations (authority, partition, url) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const insertName = db.prepare(
    'INSERT INTO certificate_names (name, certificate) VALUES (?, ?) ON CONFLICT DO NOTHING',
  )
  return (record: IssuanceRecord, replaces: number | null): number => {
    const authority = authorityKey(record.authority)
    const profile = wordKey(record.profile)
    const { form, der } = pack(authority, profile, record.der)
    const { lastInsertRowid } = insert.run(
      serialOctets(record.serialNumber),
      authority,
      profile,
      record.notBefore,
      record.notAfter,
      record.issuedAt,
      replaces,
      principalColumn(record.principal),
      record.subject,
      namesColumn(record.names),
      record.keyHash,
      der,
      record.partition?.number ?? null,
      form,
    )
    if (record.partition) insertLocation.run(authority, record.partition.number, record.partition.url)
    const certificate = Number(lastInsertRowid)
    for (const name of record.names) insertName.run(searchKey(name.value), certificate)
    return certificate
  }
}
