import { CaError } from '../../errors.ts'
import type { AuditEntry, EstUserRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'

export function estUserHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db.prepare(
    `INSERT INTO est_users (name, hash, label, names, expires_at, created_at, created_by) VALUES (?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const exists = db.prepare<[string], number>('SELECT 1 FROM est_users WHERE name = ?').pluck()
  const revoke = db.prepare('UPDATE est_users SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL')
  return {
    createEstUser(record: EstUserRecord) {
      const { changes } = insert.run(
        record.name,
        record.hash,
        record.label,
        record.names && JSON.stringify(record.names),
        record.expiresAt,
        record.createdAt,
        record.createdBy,
      )
      if (changes === 0) {
        throw new CaError('conflict', `There is or was an EST user "${record.name}": choose another name.`)
      }
      writeAudit(record.audit)
      return {}
    },

    revokeEstUser({ name, at, audit }: { name: string; at: number; audit: AuditEntry }) {
      if (!exists.get(name)) throw new CaError('notFound', `There is no EST user "${name}".`)
      const changed = revoke.run(at, name).changes === 1
      if (changed) writeAudit(audit)
      return { changed }
    },
  }
}
