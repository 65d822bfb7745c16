import { CaError } from '../../errors.ts'
import type { AdminKeyRecord, Commands } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'

export function adminKeyHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db.prepare(
    'INSERT INTO admin_keys (name, hash, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  const exists = db.prepare<[string], number>('SELECT 1 FROM admin_keys WHERE name = ?').pluck()
  const revoke = db.prepare('UPDATE admin_keys SET revoked_at = ? WHERE name = ? AND revoked_at IS NULL')
  const count = db.prepare<[], number>('SELECT count(*) FROM admin_keys WHERE revoked_at IS NULL').pluck()
  return {
    createAdminKey(record: AdminKeyRecord) {
      if (insert.run(record.name, record.hash, record.createdAt).changes === 0) {
        throw new CaError(
          'conflict',
          `There is an admin key "${record.name}" already, or there was one. Choose another name.`,
        )
      }
      writeAudit(record.audit)
      return {}
    },

    /** The row stays: the audit log speaks of the key by its name, which must not come to mean another one. */
    revokeAdminKey({ name, at, audit }: Commands['revokeAdminKey']['input']) {
      if (!exists.get(name)) throw new CaError('notFound', `There is no admin key "${name}".`)
      const changed = revoke.run(at, name).changes === 1
      if (changed) writeAudit(audit)
      return { changed, left: count.get()! }
    },
  }
}
