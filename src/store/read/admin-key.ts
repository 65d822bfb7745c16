import type { Connection } from '../connection.ts'
import type { AdminKeyRow, LivingAdminKey } from '../queries.ts'

const LIVING = `SELECT id, name, role, last_used_at AS lastUsedAt FROM admin_keys WHERE revoked_at IS NULL AND`

const ROW = `SELECT id, name, role, created_at AS createdAt, created_by AS createdBy, rotated_at AS rotatedAt,
  former_until AS formerUntil, last_used_at AS lastUsedAt, revoked_at AS revokedAt FROM admin_keys`

export function adminKeyQueries(db: Connection) {
  const byHash = db.prepare<[Uint8Array], LivingAdminKey>(`${LIVING} hash = ?`)
  const byFormerHash = db.prepare<[Uint8Array, number], LivingAdminKey>(
    `${LIVING} former_hash = ? AND former_until > ?`,
  )
  const one = db.prepare<[number], AdminKeyRow>(`${ROW} WHERE id = ?`)
  const all = db.prepare<[], AdminKeyRow>(`${ROW} ORDER BY id`)
  return {
    async adminKeyByHash(hash: Uint8Array, now: number): Promise<LivingAdminKey | null> {
      return byHash.get(hash) ?? byFormerHash.get(hash, now) ?? null
    },
    async adminKey(id: number): Promise<AdminKeyRow | null> {
      return one.get(id) ?? null
    },
    async adminKeys(): Promise<AdminKeyRow[]> {
      return all.all()
    },
  }
}
