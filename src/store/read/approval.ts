import type { RequestFilter, RequestRow, RequestState } from '../approval-queries.ts'
import { readNames, readPrincipal } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { Page } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

type Stored = Omit<RequestRow, 'principal' | 'names' | 'renewalOf' | 'serialNumber' | 'idempotency'> & {
  principal: Buffer | string
  names: string
  renewalOf: Buffer | null
  serial: Buffer | null
  idempotencyKey: string | null
  idempotencyHash: Buffer | null
}

const SELECT = `SELECT r.id AS requestId, r.state AS state, r.fingerprint AS fingerprint, r.principal AS principal,
    r.protocol AS protocol, r.profile AS profile, r.authority AS authority, r.validity AS validity,
    r.not_after AS notAfter, r.names AS names, r.csr AS csr, r.key_type AS keyType, r.key_hash AS keyHash,
    r.subject AS subject, (SELECT o.serial FROM certificates o WHERE o.id = r.renewal_of) AS renewalOf,
    r.token AS tokenId, r.idempotency_key AS idempotencyKey, r.idempotency_hash AS idempotencyHash,
    r.created_at AS createdAt, r.expires_at AS expiresAt, r.decided_at AS decidedAt, r.decided_by AS decidedBy,
    r.reason AS reason, (SELECT c.serial FROM certificates c WHERE c.id = r.certificate) AS serial
  FROM requests r`

/** Each may name `:now`; the first part is what the index on states finds. */
const CONDITIONS: Record<RequestState | 'any', string> = {
  any: 'true',
  pending: "r.state = 'pending' AND r.expires_at > :now",
  expired: "r.state = 'pending' AND r.expires_at <= :now",
  approved: "r.state = 'approved'",
  refused: "r.state = 'refused'",
}

export function approvalQueries(db: Connection) {
  const byId = db.prepare<[number], Stored>(`${SELECT} WHERE r.id = ?`)
  const byFingerprint = db.prepare<[Uint8Array], Stored>(
    `${SELECT} WHERE r.fingerprint = ? ORDER BY r.id DESC LIMIT 1`,
  )
  const pending = db
    .prepare<[{ now: number }], number>(`SELECT count(*) FROM requests r WHERE ${CONDITIONS.pending}`)
    .pluck()
  return {
    async countPendingRequests(now: number): Promise<number> {
      return pending.get({ now })!
    },

    async request(requestId: number): Promise<RequestRow | null> {
      const row = byId.get(requestId)
      return row ? requestOf(row) : null
    },

    async requestByFingerprint(fingerprint: Uint8Array): Promise<RequestRow | null> {
      const row = byFingerprint.get(fingerprint)
      return row ? requestOf(row) : null
    },

    async listRequests({ state, now }: RequestFilter, page: Page) {
      const [before] =
        page.after === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(page.after, 'request', ['number'])
      const stored = db
        .prepare<[Record<string, unknown>], Stored>(
          `${SELECT} WHERE ${CONDITIONS[state ?? 'any']} AND r.id < :before ORDER BY r.id DESC LIMIT :limit`,
        )
        .all({ now, before, limit: page.limit + 1 })
      return pageOf(stored.map(requestOf), page.limit, (row) => writeCursor('request', [row.requestId]))
    },
  }
}

function requestOf({ serial, idempotencyKey: key, idempotencyHash, ...row }: Stored): RequestRow {
  return {
    ...row,
    principal: readPrincipal(row.principal),
    names: readNames(row.names),
    renewalOf: row.renewalOf?.toString('hex') ?? null,
    serialNumber: serial?.toString('hex') ?? null,
    idempotency: key === null || idempotencyHash === null ? null : { key, requestHash: idempotencyHash },
  }
}
