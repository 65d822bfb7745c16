import type { Connection } from '../connection.ts'
import type { EstUserRow, Page } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

type Stored = Omit<EstUserRow, 'names'> & { id: number; names: string | null }

const SELECT = `SELECT id, name, hash, label, names, expires_at AS expiresAt, created_at AS createdAt,
    created_by AS createdBy, revoked_at AS revokedAt
  FROM est_users`

export function estUserQueries(db: Connection) {
  const byName = db.prepare<[string], Stored>(`${SELECT} WHERE name = ?`)
  const newest = db.prepare<[number, number], Stored>(`${SELECT} WHERE id < ? ORDER BY id DESC LIMIT ?`)
  return {
    async estUser(name: string): Promise<EstUserRow | null> {
      const row = byName.get(name)
      return row ? userOf(row) : null
    },

    async listEstUsers(page: Page) {
      const [before] =
        page.after === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(page.after, 'est-user', ['number'])
      const stored = newest.all(before as number, page.limit + 1)
      const { rows, next } = pageOf(stored, page.limit, (row) => writeCursor('est-user', [row.id]))
      return { rows: rows.map(userOf), next }
    },
  }
}

function userOf({ id: _, names, ...row }: Stored): EstUserRow {
  return { ...row, names: names && JSON.parse(names) }
}
