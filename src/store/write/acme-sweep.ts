import type { Connection } from '../connection.ts'

/** What has expired is kept for this long, so that a client that comes late hears why. Seconds. */
const KEPT = 7 * 24 * 3600

export function acmeSweepHandlers(db: Connection) {
  const orders = db.prepare<[number, number]>(
    `DELETE FROM acme_orders WHERE id IN (
       SELECT id FROM acme_orders WHERE status <> 'valid' AND expires_at < ? LIMIT ?)`,
  )
  // Each by an index whose first rows are those that go: what stays is not looked at, however much there is.
  const fulfilled = db.prepare<[number, number]>(
    `DELETE FROM acme_orders WHERE id IN (
       SELECT id FROM acme_orders WHERE needed_until IS NOT NULL AND needed_until < ? LIMIT ?)`,
  )
  // No open order outlives its authorizations; one that was fulfilled needs them no more.
  const authorizations = db.prepare<[number, number]>(
    'DELETE FROM acme_authorizations WHERE id IN (SELECT id FROM acme_authorizations WHERE expires_at < ? LIMIT ?)',
  )
  return {
    /** One small step: `limit` rows of each kind at the most. */
    sweepAcme({ now, limit }: { now: number; limit: number }) {
      const before = now - KEPT
      const counts = [orders, fulfilled, authorizations].map((one) => one.run(before, limit).changes)
      return { more: counts.some((count) => count === limit) }
    },
  }
}
