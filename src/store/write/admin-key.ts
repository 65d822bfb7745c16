import { CaError } from '../../errors.ts'
import type { AdminKeyRecord, AdminKeyRotation, Commands } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { nextNumber } from './number.ts'

interface Living {
  name: string
  role: string
  revokedAt: number | null
}

export function adminKeyHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db.prepare(
    `INSERT INTO admin_keys (id, name, role, hash, created_at, created_by)
     VALUES (${nextNumber('admin_keys')}, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const find = db.prepare<[number], Living>(
    'SELECT name, role, revoked_at AS revokedAt FROM admin_keys WHERE id = ?',
  )
  const rotate = db.prepare(
    `UPDATE admin_keys SET former_hash = iif(:formerUntil IS NULL, NULL, hash), former_until = :formerUntil,
       hash = :hash, rotated_at = :at WHERE id = :id`,
  )
  const revoke = db.prepare('UPDATE admin_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL')
  const touch = db.prepare(
    'UPDATE admin_keys SET last_used_at = :at WHERE id = :id AND ifnull(last_used_at, 0) < :at',
  )
  const count = db
    .prepare<[], number>(`SELECT count(*) FROM admin_keys WHERE revoked_at IS NULL AND role = 'admin'`)
    .pluck()

  function known(id: number): Living {
    const row = find.get(id)
    if (!row) throw new CaError('notFound', `There is no admin key ${id}.`)
    return row
  }

  return {
    createAdminKey({ name, role, hash, createdAt, createdBy, audit }: AdminKeyRecord) {
      const { changes, lastInsertRowid } = insert.run(name, role, hash, createdAt, createdBy)
      if (changes === 0) {
        throw new CaError(
          'conflict',
          `There is an admin key "${name}" already, or there was one. Choose another name.`,
        )
      }
      const id = Number(lastInsertRowid)
      writeAudit({ ...audit, detail: { ...audit.detail, id, role } })
      return { id }
    },

    rotateAdminKey({ id, hash, at, formerUntil, audit }: AdminKeyRotation) {
      const { name, role, revokedAt } = known(id)
      if (revokedAt !== null)
        throw new CaError('conflict', `Admin key ${id} ("${name}") is revoked: create another one.`)
      rotate.run({ id, hash, at, formerUntil })
      writeAudit({ ...audit, target: name, detail: { ...audit.detail, id, role } })
      return {}
    },

    /** The row stays: the audit log speaks of the key by its name, which must not come to mean another one. */
    revokeAdminKey({ id, at, keepAdmin, audit }: Commands['revokeAdminKey']['input']) {
      const { name, role, revokedAt } = known(id)
      if (keepAdmin && revokedAt === null && role === 'admin' && count.get()! === 1) {
        throw new CaError(
          'conflict',
          `Admin key ${id} ("${name}") is the last one with the role "admin": create another one first.`,
        )
      }
      const changed = revoke.run(at, id).changes === 1
      if (changed) writeAudit({ ...audit, target: name, detail: { ...audit.detail, id, role } })
      return { changed, left: count.get()! }
    },

    adminKeyUsed({ id, at }: Commands['adminKeyUsed']['input']) {
      touch.run({ id, at })
      return {}
    },
  }
}
