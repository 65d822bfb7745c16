import { CaError } from '../../errors.ts'
import type { AcmeOrderOutcome, AcmeOrderRecord, AcmeReuse } from '../acme-commands.ts'
import { serialOctets } from '../columns.ts'
import type { Connection } from '../connection.ts'
import { PROVEN_BY_ONE_OF } from '../read/acme-authorization.ts'
import { authorizationInserter } from './acme-authorization.ts'

export function acmeOrderHandlers(db: Connection) {
  const authorize = authorizationInserter(db)
  const findReusable = reusableAuthorization(db)
  const findReplaced = replaceableCertificate(db)
  const insert = db.prepare(
    `INSERT INTO acme_orders (account, status, expires_at, created_at, identifiers, profile, profile_asked,
       not_before, not_after, replaces, replaces_text, authorizations)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const link = db.prepare('INSERT INTO acme_order_authorizations ("order", authorization) VALUES (?, ?)')
  return {
    createAcmeOrder(record: AcmeOrderRecord): AcmeOrderOutcome {
      const replaces = record.replaces && findReplaced(record.replaces.serialNumber, record.createdAt)
      if (replaces?.taken) return { outcome: 'alreadyReplaced' }
      const { accountId, createdAt } = record
      const made = new Map<string, number>()
      // What is proven for one name says nothing of the next, also where both are to be proven by one authorization.
      const authorizations = record.authorizations.map(({ reuse, create }) => {
        const known = findReusable(record, reuse)
        if (known) return { ...known, isValid: true }
        const proof = `${create.identifier} ${create.wildcard} ${create.subdomains}`
        const id = made.get(proof) ?? authorize({ ...create, accountId, createdAt })
        made.set(proof, id)
        return { id, expiresAt: create.expiresAt, isValid: false }
      })
      const status = authorizations.every(({ isValid }) => isValid) ? 'ready' : 'pending'
      // An order must not be fulfilled by what has expired meanwhile.
      const expiresAt = Math.min(record.expiresAt, ...authorizations.map(({ expiresAt }) => expiresAt))
      const ids = [...new Set(authorizations.map(({ id }) => id))]
      const { lastInsertRowid } = insert.run(
        accountId,
        status,
        expiresAt,
        createdAt,
        JSON.stringify(record.identifiers),
        record.profile,
        record.profileAsked ? 1 : 0,
        record.notBefore,
        record.notAfter,
        replaces?.id ?? null,
        record.replaces?.text ?? null,
        JSON.stringify(ids),
      )
      const orderId = Number(lastInsertRowid)
      for (const id of ids) link.run(orderId, id)
      return { outcome: 'created', orderId, status, expiresAt, authorizations: ids }
    },
  }
}

/** Makes an order valid with its certificate; "conflict" unless it was ready and had not expired at `now` (milliseconds). */
export function orderFulfiller(db: Connection) {
  const fulfil = db.prepare(
    `UPDATE acme_orders SET status = 'valid', certificate = :certificate,
       needed_until = (SELECT not_after FROM certificates WHERE id = :certificate)
     WHERE id = :orderId AND status = 'ready' AND expires_at * 1000 > :now`,
  )
  return (orderId: number, certificate: number, now: number): void => {
    if (fulfil.run({ orderId, certificate, now: BigInt(now) }).changes !== 1) {
      throw new CaError('conflict', 'The order is not ready any more: look at it, or make a new one.')
    }
  }
}

/** The id of the certificate that an order said it renews. Unlike a renewal by itself, it may have ended meanwhile. */
export function orderReplacement(db: Connection) {
  const find = db.prepare<[number], number | null>('SELECT replaces FROM acme_orders WHERE id = ?').pluck()
  return (orderId: number | null): number | null => (orderId === null ? null : (find.get(orderId) ?? null))
}

/** A valid authorization of the account that will do; that which holds longest. */
function reusableAuthorization(db: Connection) {
  const find = db.prepare<
    [number, string, number, number, number, string],
    { id: number; expiresAt: number }
  >(
    `SELECT id, expires_at AS expiresAt FROM acme_authorizations a
     WHERE account = ? AND identifier = ? AND status = 'valid' AND wildcard = ? AND subdomains >= ? AND expires_at >= ?
       AND ${PROVEN_BY_ONE_OF}
     ORDER BY expires_at DESC LIMIT 1`,
  )
  return (order: AcmeOrderRecord, reuse: readonly AcmeReuse[]) => {
    const provenBy = JSON.stringify(order.reuseProvenBy)
    for (const { identifier, wildcard, subdomains } of reuse) {
      const asked = [wildcard ? 1 : 0, subdomains ? 1 : 0, order.reuseUntil] as const
      const found = find.get(order.accountId, identifier, ...asked, provenBy)
      if (found) return found
    }
    return null
  }
}

/** The certificate that an order replaces, and whether another order has taken it (RFC 9773 5). */
function replaceableCertificate(db: Connection) {
  const find = db.prepare<[Buffer], { id: number }>('SELECT id FROM certificates WHERE serial = ?')
  const taken = db
    .prepare<[number, number], number>(
      `SELECT 1 FROM acme_orders
       WHERE replaces = ? AND (status = 'valid' OR (status IN ('pending', 'ready') AND expires_at > ?)) LIMIT 1`,
    )
    .pluck()
  return (serialNumber: string, now: number) => {
    const row = find.get(serialOctets(serialNumber))
    if (!row) throw new CaError('notFound', `There is no certificate ${serialNumber} to replace.`)
    return { id: row.id, taken: taken.get(row.id, now) !== undefined }
  }
}
