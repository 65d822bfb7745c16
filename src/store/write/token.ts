import { CaError } from '../../errors.ts'
import { namesColumn, serialOctets } from '../columns.ts'
import type { Commands, TokenRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { nextNumber } from './number.ts'

export function tokenHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db
    .prepare<unknown[], number>(
      `INSERT INTO tokens (id, hash, profile, names, expires_at, created_at, created_by)
       VALUES (${nextNumber('tokens')}, ?, ?, ?, ?, ?, ?)
       ON CONFLICT DO NOTHING RETURNING id`,
    )
    .pluck()
  const exists = db.prepare<[number], number>('SELECT 1 FROM tokens WHERE id = ?').pluck()
  const revoke = db.prepare('UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL')
  return {
    createToken(record: TokenRecord) {
      const tokenId = insert.get(
        record.hash,
        record.profile,
        namesColumn(record.names),
        record.expiresAt,
        record.createdAt,
        record.createdBy,
      )
      if (tokenId === undefined) throw new CaError('conflict', 'This token exists already. Make a new one.')
      writeAudit(record.audit)
      return { tokenId }
    },

    /** A spent token can be revoked too: its holder may otherwise fetch the certificate again. */
    revokeToken({ tokenId, at, audit }: Commands['revokeToken']['input']) {
      if (!exists.get(tokenId)) throw new CaError('notFound', `There is no token ${tokenId}.`)
      const changed = revoke.run(at, tokenId).changes === 1
      if (changed) writeAudit(audit)
      return { changed }
    },
  }
}

/**
 * Uses a one-time token up. `tokenSpent` unless nobody else had used it and it was good at `now` (milliseconds); one that a
 * request has bound is good for the approval of that request alone, and as long as that may come.
 */
export function tokenSpender(db: Connection) {
  const spend = db.prepare(
    `UPDATE tokens SET spent_at = :now / 1000, spent_on = :serial
     WHERE id = :tokenId AND spent_at IS NULL AND revoked_at IS NULL
       AND coalesce((SELECT r.id = :requestId FROM requests r WHERE r.token = tokens.id), expires_at * 1000 > :now)`,
  )
  return (tokenId: number, serialNumber: string, now: number, requestId: number | null): void => {
    // A BigInt, so that the division is SQLite's on integers. No request has the number 0.
    const use = { tokenId, serial: serialOctets(serialNumber), now: BigInt(now), requestId: requestId ?? 0 }
    if (spend.run(use).changes !== 1) {
      throw new CaError('tokenSpent', 'The token was used, revoked or has expired. Ask for a new one.')
    }
  }
}
