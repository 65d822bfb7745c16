import type { Connection } from '../connection.ts'

export function adminKeyQueries(db: Connection) {
  const byHash = db.prepare<[Uint8Array], { name: string }>('SELECT name FROM admin_keys WHERE hash = ?')
  return {
    async adminKeyByHash(hash: Uint8Array): Promise<{ name: string } | null> {
      return byHash.get(hash) ?? null
    },
  }
}
