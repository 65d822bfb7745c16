import { CaError } from '../../errors.ts'
import type { Commands, IssuanceRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { idempotencyFinder } from '../read/certificate.ts'

type IdempotencyRecord = NonNullable<IssuanceRecord['idempotency']>

export function idempotencyKeys(db: Connection) {
  const find = idempotencyFinder(db)
  const insert = db.prepare(
    `INSERT INTO idempotency_keys (scope, key, request_hash, certificate) VALUES (?, ?, ?, ?)
     ON CONFLICT DO UPDATE SET request_hash = excluded.request_hash, certificate = excluded.certificate
     WHERE (SELECT issued_ms FROM certificates WHERE id = idempotency_keys.certificate) < ?`,
  )
  return {
    /** The serial number that the same request got before, if it did. */
    find({ scope, key, requestHash, countsFrom }: IdempotencyRecord): string | undefined {
      const issued = find(scope, key, countsFrom)
      if (issued && !issued.requestHash.equals(requestHash)) {
        throw new CaError(
          'idempotencyConflict',
          'This Idempotency-Key was used with another request. Repeat that request exactly, or use a new key.',
        )
      }
      return issued?.serialNumber
    },
    /** In the place of one that counts no more, and of no other. */
    save({ scope, key, requestHash, countsFrom }: IdempotencyRecord, certificate: number): void {
      insert.run(scope, key, requestHash, certificate, countsFrom)
    },
  }
}

export function idempotencyKeyHandlers(db: Connection) {
  // Certificates are numbered as they are issued: so the oldest keys are those of the lowest numbers. Where the clock was set back,
  // some stay longer than they count.
  const newest = db
    .prepare<[number], number>(
      `SELECT id FROM certificates INDEXED BY certificates_issued WHERE issued_ms < ? ORDER BY issued_ms DESC LIMIT 1`,
    )
    .pluck()
  const remove = db.prepare(
    `DELETE FROM idempotency_keys WHERE (scope, key) IN (
       SELECT k.scope, k.key FROM idempotency_keys k INDEXED BY idempotency_keys_certificate
       JOIN certificates c ON c.id = k.certificate
       WHERE k.certificate <= ? AND c.issued_ms < ? ORDER BY k.certificate LIMIT ?)`,
  )
  return {
    sweepIdempotencyKeys({ issuedBefore, limit }: Commands['sweepIdempotencyKeys']['input']) {
      const last = newest.get(issuedBefore)
      return { more: last !== undefined && remove.run(last, issuedBefore, limit).changes === limit }
    },
  }
}
