import type { Connection } from '../connection.ts'

/** What has expired is kept for this long, so that a client that comes late hears why. Seconds. */
const KEPT = 7 * 24 * 3600

export function acmeSweepHandlers(db: Connection) {
  const orders = db.prepare<[number, number]>(
    `DELETE FROM acme_orders WHERE id IN (
       SELECT id FROM acme_orders WHERE status <> 'valid' AND expires_at < ? LIMIT ?)`,
  )
  // An order that was fulfilled says who may revoke the certificate, for as long as there is something to revoke.
  const fulfilled = db.prepare<[number, number]>(
    `DELETE FROM acme_orders WHERE id IN (
       SELECT o.id FROM certificates c JOIN acme_orders o ON o.certificate = c.id WHERE c.not_after < ? LIMIT ?)`,
  )
  const authorizations = db.prepare<[number, number]>(
    `DELETE FROM acme_authorizations WHERE id IN (
       SELECT a.id FROM acme_authorizations a WHERE a.expires_at < ?
         AND NOT EXISTS (SELECT 1 FROM acme_order_authorizations l WHERE l.authorization = a.id) LIMIT ?)`,
  )
  return {
    /** One small step: `limit` rows of each kind at the most. */
    sweepAcme({ now, limit }: { now: number; limit: number }) {
      const before = now - KEPT
      const counts = [orders, fulfilled, authorizations].map((one) => one.run(before, limit).changes)
      return {
        removed: counts.reduce((sum, count) => sum + count, 0),
        more: counts.some((count) => count === limit),
      }
    },
  }
}
