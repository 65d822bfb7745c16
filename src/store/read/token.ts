import type { RequestRow } from '../approval-queries.ts'
import { readNames } from '../columns.ts'
import type { Connection } from '../connection.ts'
import type { Page, TokenRow } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

type StoredToken = Omit<TokenRow, 'names' | 'spentOn' | 'request'> & {
  names: string
  spentOn: Buffer | null
  requestId: number | null
  requestState: RequestRow['state'] | null
  requestExpiresAt: number | null
}

const SELECT = `SELECT t.id AS tokenId, t.profile AS profile, t.names AS names, t.expires_at AS expiresAt,
    t.created_at AS createdAt, t.created_by AS createdBy, t.revoked_at AS revokedAt, t.spent_at AS spentAt,
    t.spent_on AS spentOn, r.id AS requestId, r.state AS requestState, r.expires_at AS requestExpiresAt
  FROM tokens t LEFT JOIN requests r ON r.token = t.id`

export function tokenQueries(db: Connection) {
  const byHash = db.prepare<[Uint8Array], StoredToken>(`${SELECT} WHERE t.hash = ?`)
  const byId = db.prepare<[number], StoredToken>(`${SELECT} WHERE t.id = ?`)
  const newest = db.prepare<[number, number], StoredToken>(
    `${SELECT} WHERE t.id < ? ORDER BY t.id DESC LIMIT ?`,
  )
  return {
    async tokenByHash(hash: Uint8Array): Promise<TokenRow | null> {
      const row = byHash.get(hash)
      return row ? tokenOf(row) : null
    },

    async token(tokenId: number): Promise<TokenRow | null> {
      const row = byId.get(tokenId)
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

function tokenOf({ requestId, requestState: state, requestExpiresAt, ...row }: StoredToken): TokenRow {
  return {
    ...row,
    names: readNames(row.names),
    spentOn: row.spentOn?.toString('hex') ?? null,
    request:
      requestId === null || state === null || requestExpiresAt === null
        ? null
        : { requestId, state, expiresAt: requestExpiresAt },
  }
}
