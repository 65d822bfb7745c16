import type { Connection } from '../connection.ts'
import type { AdminKeyRow } from '../queries.ts'

export function adminKeyQueries(db: Connection) {
  const byHash = db.prepare<[Uint8Array], { name: string }>(
    'SELECT name FROM admin_keys WHERE hash = ? AND revoked_at IS NULL',
  )
  const all = db.prepare<[], AdminKeyRow>(
    'SELECT name, created_at AS createdAt, revoked_at AS revokedAt FROM admin_keys ORDER BY rowid',
  )
  return {
    async adminKeyByHash(hash: Uint8Array): Promise<{ name: string } | null> {
      return byHash.get(hash) ?? null
    },
    async adminKeys(): Promise<AdminKeyRow[]> {
      return all.all()
    },
  }
}
