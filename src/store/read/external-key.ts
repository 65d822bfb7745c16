import type { ExternalKeyRow } from '../acme-queries.ts'
import type { Connection } from '../connection.ts'
import type { Page } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

type Stored = Omit<ExternalKeyRow, 'profiles' | 'names' | 'singleUse'> & {
  id: number
  profiles: string | null
  names: string | null
  singleUse: number
}

const SELECT = `SELECT id, kid, sealed, profiles, names, single_use AS singleUse, expires_at AS expiresAt,
    created_at AS createdAt, created_by AS createdBy, revoked_at AS revokedAt, used_at AS usedAt,
    (SELECT count(*) FROM acme_accounts a WHERE a.external_key = k.id) AS accounts
  FROM acme_external_keys k`

export function externalKeyQueries(db: Connection) {
  const byKid = db.prepare<[string], Stored>(`${SELECT} WHERE kid = ?`)
  const newest = db.prepare<[number, number], Stored>(`${SELECT} WHERE id < ? ORDER BY id DESC LIMIT ?`)
  return {
    async externalKey(kid: string): Promise<ExternalKeyRow | null> {
      const row = byKid.get(kid)
      return row ? keyOf(row) : null
    },

    async listExternalKeys(page: Page) {
      const [before] =
        page.after === undefined
          ? [Number.MAX_SAFE_INTEGER]
          : readCursor(page.after, 'external-key', ['number'])
      const stored = newest.all(before as number, page.limit + 1)
      const { rows, next } = pageOf(stored, page.limit, (row) => writeCursor('external-key', [row.id]))
      return { rows: rows.map(keyOf), next }
    },
  }
}

function keyOf({ id: _, profiles, names, singleUse, ...row }: Stored): ExternalKeyRow {
  return {
    ...row,
    profiles: profiles && JSON.parse(profiles),
    names: names && JSON.parse(names),
    singleUse: singleUse === 1,
  }
}
