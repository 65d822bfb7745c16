import { readNames } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { Page, TokenRow } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

type StoredToken = Omit<TokenRow, 'names' | 'spentOn'> & { names: string; spentOn: Buffer | null }

const COLUMNS = `id AS tokenId, profile, names, expires_at AS expiresAt, created_at AS createdAt,
  created_by AS createdBy, revoked_at AS revokedAt, spent_at AS spentAt, spent_on AS spentOn`

export function tokenQueries(db: Connection) {
  const byHash = db.prepare<[Uint8Array], StoredToken>(`SELECT ${COLUMNS} FROM tokens WHERE hash = ?`)
  const newest = db.prepare<[number, number], StoredToken>(
    `SELECT ${COLUMNS} FROM tokens WHERE id < ? ORDER BY id DESC LIMIT ?`,
  )
  return {
    async tokenByHash(hash: Uint8Array): Promise<TokenRow | null> {
      const row = byHash.get(hash)
      return row ? tokenOf(row) : null
    },

    async listTokens(page: Page): Promise<{ rows: TokenRow[]; next: string | null }> {
      const [before] =
        page.after === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(page.after, 'token', ['number'])
      const rows = newest.all(before as number, page.limit + 1).map(tokenOf)
      return pageOf(rows, page.limit, (row) => writeCursor('token', [row.tokenId]))
    },
  }
}

function tokenOf(row: StoredToken): TokenRow {
  return { ...row, names: readNames(row.names), spentOn: row.spentOn?.toString('hex') ?? null }
}
