import type { AcmeAttempt, AcmeAuthorizationRecord } from '../acme-commands.ts'
import type { Commands } from '../commands.ts'
import type { Connection } from '../connection.ts'

export function acmeAuthorizationHandlers(db: Connection) {
  const insert = authorizationInserter(db)
  const settle = authorizationSettler(db)
  const deactivate = db.prepare(
    "UPDATE acme_authorizations SET status = 'deactivated' WHERE id = ? AND status IN ('pending', 'valid')",
  )
  const start = db.prepare(
    `UPDATE acme_challenges SET status = 'processing', started_at = :at, account_url = :accountUrl
     WHERE id = :challengeId AND status = 'pending' AND EXISTS (
       SELECT 1 FROM acme_authorizations a WHERE a.id = authorization AND a.status = 'pending' AND a.expires_at > :at)`,
  )
  const attempt = db
    .prepare<Record<string, unknown>, number>(
      `UPDATE acme_challenges SET attempts = attempts + 1, status = :status, error = :error, validated_at = :validatedAt
       WHERE id = :challengeId AND status = 'processing' RETURNING authorization`,
    )
    .pluck()
  return {
    createAcmeAuthorization(record: AcmeAuthorizationRecord) {
      return { authorizationId: insert(record) }
    },

    deactivateAcmeAuthorization(wish: Commands['deactivateAcmeAuthorization']['input']) {
      const changed = deactivate.run(wish.authorizationId).changes === 1
      if (changed) settle.ordersLost(wish.authorizationId, wish.error)
      return { changed }
    },

    startAcmeChallenge(wish: Commands['startAcmeChallenge']['input']) {
      return { changed: start.run(wish).changes === 1 }
    },

    recordAcmeAttempt({ challengeId, at, outcome, error, expiresAt }: AcmeAttempt) {
      const authorization = attempt.get({
        challengeId,
        status: outcome === 'retry' ? 'processing' : outcome,
        error,
        validatedAt: outcome === 'valid' ? at : null,
      })
      if (authorization === undefined) return {}
      if (outcome === 'valid') settle.proven(authorization, at, expiresAt)
      if (outcome === 'invalid') settle.failed(authorization, error)
      return {}
    },
  }
}

export function authorizationInserter(db: Connection) {
  const insert = db.prepare(
    `INSERT INTO acme_authorizations (account, identifier, wildcard, subdomains, status, expires_at, created_at)
     VALUES (?, ?, ?, ?, 'pending', ?, ?)`,
  )
  const insertChallenge = db.prepare(
    "INSERT INTO acme_challenges (authorization, type, token, status) VALUES (?, ?, ?, 'pending')",
  )
  return (record: AcmeAuthorizationRecord): number => {
    const { lastInsertRowid } = insert.run(
      record.accountId,
      record.identifier,
      record.wildcard ? 1 : 0,
      record.subdomains ? 1 : 0,
      record.expiresAt,
      record.createdAt,
    )
    const id = Number(lastInsertRowid)
    for (const { type, token } of record.challenges) insertChallenge.run(id, type, token)
    return id
  }
}

/** What becomes of an authorization, and of the orders that wait for it (RFC 8555 7.1.6). */
function authorizationSettler(db: Connection) {
  const prove = db.prepare(
    `UPDATE acme_authorizations SET status = 'valid', expires_at = :expiresAt
     WHERE id = :id AND status = 'pending' AND expires_at > :at`,
  )
  const fail = db.prepare(
    "UPDATE acme_authorizations SET status = 'invalid' WHERE id = ? AND status = 'pending'",
  )
  // RFC 8555 7.1.6: an order does not outlive its authorizations.
  const shortenOrders = db.prepare(
    `UPDATE acme_orders SET expires_at = :expiresAt
     WHERE status = 'pending' AND expires_at > :expiresAt
       AND id IN (SELECT "order" FROM acme_order_authorizations WHERE authorization = :id)`,
  )
  const ordersReady = db.prepare(
    `UPDATE acme_orders SET status = 'ready'
     WHERE status = 'pending'
       AND id IN (SELECT "order" FROM acme_order_authorizations WHERE authorization = ?)
       AND NOT EXISTS (
         SELECT 1 FROM acme_order_authorizations l JOIN acme_authorizations a ON a.id = l.authorization
         WHERE l."order" = acme_orders.id AND a.status <> 'valid')`,
  )
  const ordersLost = db.prepare(
    `UPDATE acme_orders SET status = 'invalid', error = ?
     WHERE status IN ('pending', 'ready')
       AND id IN (SELECT "order" FROM acme_order_authorizations WHERE authorization = ?)`,
  )
  return {
    proven(id: number, at: number, expiresAt: number): void {
      if (prove.run({ id, at, expiresAt }).changes === 0) return
      shortenOrders.run({ id, expiresAt })
      ordersReady.run(id)
    },
    failed(id: number, error: string | null): void {
      if (fail.run(id).changes === 1) ordersLost.run(error, id)
    },
    ordersLost(id: number, error: string): void {
      ordersLost.run(error, id)
    },
  }
}
