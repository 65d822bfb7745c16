import { CaError } from '../../errors.ts'
import type { AdminKeyRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'

export function adminKeyHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db.prepare(
    'INSERT INTO admin_keys (name, hash, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING',
  )
  return {
    createAdminKey(record: AdminKeyRecord) {
      if (insert.run(record.name, record.hash, record.createdAt).changes === 0) {
        throw new CaError('conflict', `There is an admin key "${record.name}" already. Choose another name.`)
      }
      writeAudit(record.audit)
      return {}
    },
  }
}
