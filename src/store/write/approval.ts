import { CaError } from '../../errors.ts'
import type { ApprovalCommands, RequestRecord } from '../approval-commands.ts'
import { namesColumn, principalColumn, serialOctets } from '../columns.ts'
import type { Connection } from '../connection.ts'
import { requestData } from '../notice-data.ts'
import { auditWriter } from './audit.ts'
import type { Outbox } from './outbox.ts'

type Input<K extends keyof ApprovalCommands> = ApprovalCommands[K]['input']

export function approvalHandlers(db: Connection, outbox: Outbox | null) {
  const findEarlier = earlierRequest(db)
  const refuseOthers = refusals(db)
  const save = requestSaver(db)
  const decided = decidedRequest(db)
  const writeAudit = auditWriter(db)
  // Kept for as long as its token could be used: a refused one must not open anything again.
  const refuse = db.prepare(
    `UPDATE requests SET state = 'refused', decided_at = :at, decided_by = :by, reason = :reason,
       kept_until = max(:keptUntil, coalesce((SELECT expires_at FROM tokens WHERE id = requests.token), 0))
     WHERE id = :requestId AND state = 'pending' AND expires_at > :at`,
  )
  const sweep = db.prepare(
    'DELETE FROM requests WHERE id IN (SELECT id FROM requests WHERE kept_until <= ? LIMIT ?)',
  )
  return {
    createRequest(record: RequestRecord) {
      const earlier = findEarlier(record)
      if (earlier?.stands) return { requestId: earlier.id, created: false }
      const again = earlier?.lapsed ? earlier.id : null
      refuseOthers(record, again)
      const requestId = save(record, again)
      writeAudit({ ...record.audit, target: String(requestId) })
      outbox?.put('request.pending', record.audit.at, () => requestData(requestId, record))
      return { requestId, created: true }
    },

    refuseRequest({ audit, ...refusal }: Input<'refuseRequest'>) {
      if (refuse.run({ ...refusal, by: audit.actor }).changes !== 1) throw decided(refusal.requestId)
      writeAudit(audit)
      return {}
    },

    sweepRequests({ now, limit }: Input<'sweepRequests'>) {
      return { more: sweep.run(now, limit).changes === limit }
    },
  }
}

/** Ends a request with its certificate; "conflict" unless it was pending and had not expired at `now` (milliseconds). */
export function requestApprover(db: Connection) {
  const decided = decidedRequest(db)
  const approve = db.prepare(
    `UPDATE requests SET state = 'approved', certificate = :certificate, decided_at = :now / 1000, decided_by = :by,
       kept_until = :keptUntil
     WHERE id = :requestId AND state = 'pending' AND expires_at * 1000 > :now`,
  )
  return (
    { requestId, keptUntil }: { requestId: number; keptUntil: number },
    by: string,
    certificate: number,
    now: number,
  ): void => {
    // A BigInt, so that the division is SQLite's on integers.
    const approval = { requestId, keptUntil, certificate, by, now: BigInt(now) }
    if (approve.run(approval).changes !== 1) throw decided(requestId)
  }
}

/** The newest request for the same thing: whether it still counts, and whether its time is over without a decision. */
function earlierRequest(db: Connection) {
  const find = db.prepare<
    [number, Uint8Array],
    { id: number; state: string; expiresAt: number; ended: 0 | 1 }
  >(
    `SELECT r.id AS id, r.state AS state, r.expires_at AS expiresAt,
       (coalesce(c.not_after < ?, 0) OR v.certificate IS NOT NULL) AS ended
     FROM requests r LEFT JOIN certificates c ON c.id = r.certificate
     LEFT JOIN revocations v ON v.certificate = r.certificate
     WHERE r.fingerprint = ? ORDER BY r.id DESC LIMIT 1`,
  )
  return ({ fingerprint, createdAt }: RequestRecord) => {
    const row = find.get(createdAt, fingerprint)
    if (!row) return undefined
    const lapsed = row.state === 'pending' && row.expiresAt <= createdAt
    return { id: row.id, lapsed, stands: !lapsed && row.ended === 0 }
  }
}

/** Refuses a request beside others: for its token, its idempotency key, or their number. `again`: the row it had before. */
function refusals(db: Connection) {
  const boundTo = db.prepare<[number], number>('SELECT id FROM requests WHERE token = ?').pluck()
  const isOpen = db
    .prepare<[number, number], number>(
      'SELECT 1 FROM tokens WHERE id = ? AND spent_at IS NULL AND revoked_at IS NULL AND expires_at > ?',
    )
    .pluck()
  const hashOfKey = db
    .prepare<[Buffer | string, string, number | null], Buffer>(
      'SELECT idempotency_hash FROM requests WHERE principal = ? AND idempotency_key = ? AND id IS NOT ?',
    )
    .pluck()
  const undecided = db
    .prepare<[Buffer | string], number>(
      "SELECT count(*) FROM requests WHERE principal = ? AND state = 'pending'",
    )
    .pluck()
  return ({ tokenId, principal, idempotency, most, createdAt }: RequestRecord, again: number | null) => {
    const who = principalColumn(principal)
    if (idempotency && hashOfKey.get(who, idempotency.key, again) !== undefined) {
      throw new CaError(
        'idempotencyConflict',
        'This Idempotency-Key was used with another request, which waits for approval. Use a new key for a new CSR.',
      )
    }
    if (tokenId !== null) {
      const bound = boundTo.get(tokenId)
      const isBound = bound !== undefined && bound !== again
      if (isBound || isOpen.get(tokenId, createdAt) === undefined) {
        throw new CaError('tokenSpent', 'The token was used, revoked or has expired. Ask for a new one.')
      }
    }
    // Those that have expired count until they are removed: else whoever repeats what lapses could fill the store.
    if (again === null && undecided.get(who)! >= most) {
      throw new CaError(
        'tooManyPending',
        `${most} requests of this caller are undecided, which is the most. Wait until some are approved or refused.`,
        { retryAfter: 3600 },
      )
    }
  }
}

function requestSaver(db: Connection) {
  const forget = db.prepare<[number]>('DELETE FROM requests WHERE id = ?')
  const certificate = db.prepare<[Buffer], number>('SELECT id FROM certificates WHERE serial = ?').pluck()
  const insert = db
    .prepare<unknown[], number>(
      `INSERT INTO requests (id, state, fingerprint, principal, protocol, profile, authority, csr, key_type, key_hash,
         subject, names, validity, not_after, renewal_of, token, idempotency_key, idempotency_hash, created_at, expires_at,
         kept_until)
       VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
       RETURNING id`,
    )
    .pluck()
  return (record: RequestRecord, again: number | null): number => {
    if (again !== null) forget.run(again)
    const renewalOf =
      record.renewalOf === null ? null : (certificate.get(serialOctets(record.renewalOf)) ?? null)
    return insert.get(
      again,
      record.fingerprint,
      principalColumn(record.principal),
      record.protocol,
      record.profile,
      record.authority,
      record.csr,
      record.keyType,
      record.keyHash,
      record.subject,
      namesColumn(record.names),
      record.validity,
      record.notAfter,
      renewalOf,
      record.tokenId,
      record.idempotency?.key ?? null,
      record.idempotency?.requestHash ?? null,
      record.createdAt,
      record.expiresAt,
      record.keptUntil,
    )!
  }
}

/** Why a request cannot be decided (any more). */
function decidedRequest(db: Connection) {
  const find = db.prepare<[number], string>('SELECT state FROM requests WHERE id = ?').pluck()
  return (requestId: number): CaError => {
    const state = find.get(requestId)
    if (state === undefined) return new CaError('notFound', `There is no request ${requestId}.`)
    const why = state === 'pending' ? 'has expired: the caller may ask again' : `is ${state} already`
    return new CaError('conflict', `Request ${requestId} ${why}.`)
  }
}
