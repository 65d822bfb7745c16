import type { AcmeAccountRow } from '../acme-queries.ts'
import type { Connection } from '../connection.ts'
import type { Page } from '../queries.ts'
import { pageOf, readCursor, writeCursor } from './cursor.ts'

type Stored = Omit<AcmeAccountRow, 'contacts' | 'external'> & {
  contacts: string
  kid: string | null
  profiles: string | null
  names: string | null
}

const SELECT = `SELECT a.id AS accountId, a.status AS status, a.thumbprint AS thumbprint, a.jwk AS jwk, a.contacts AS contacts,
    a.terms_agreed_at AS termsAgreedAt, a.external_binding AS externalBinding, a.created_at AS createdAt,
    a.created_from AS createdFrom, e.kid AS kid, e.profiles AS profiles, e.names AS names
  FROM acme_accounts a LEFT JOIN acme_external_keys e ON e.id = a.external_key`

export function acmeAccountQueries(db: Connection) {
  const byId = db.prepare<[number], Stored>(`${SELECT} WHERE a.id = ?`)
  const byThumbprint = db.prepare<[Uint8Array], Stored>(`${SELECT} WHERE a.thumbprint = ?`)
  const newest = db.prepare<[number, number], Stored>(`${SELECT} WHERE a.id < ? ORDER BY a.id DESC LIMIT ?`)
  const newestOf = db.prepare<[string, number, number], Stored>(
    `${SELECT} WHERE a.external_key = (SELECT id FROM acme_external_keys WHERE kid = ?) AND a.id < ?
     ORDER BY a.id DESC LIMIT ?`,
  )
  const formerKeys = db
    .prepare<[number], Buffer>(
      'SELECT thumbprint FROM acme_former_keys WHERE account = ? ORDER BY replaced_at DESC',
    )
    .pluck()
  return {
    async acmeAccount(accountId: number): Promise<AcmeAccountRow | null> {
      const row = byId.get(accountId)
      return row ? accountOf(row) : null
    },

    async acmeFormerKeys(accountId: number): Promise<Buffer[]> {
      return formerKeys.all(accountId)
    },

    async acmeAccountByThumbprint(thumbprint: Uint8Array): Promise<AcmeAccountRow | null> {
      const row = byThumbprint.get(thumbprint)
      return row ? accountOf(row) : null
    },

    async listAcmeAccounts(externalKey: string | null, page: Page) {
      const [before] =
        page.after === undefined
          ? [Number.MAX_SAFE_INTEGER]
          : readCursor(page.after, 'acme-account', ['number'])
      const limit = page.limit + 1
      const stored =
        externalKey === null
          ? newest.all(before as number, limit)
          : newestOf.all(externalKey, before as number, limit)
      return pageOf(stored.map(accountOf), page.limit, (row) => writeCursor('acme-account', [row.accountId]))
    },
  }
}

function accountOf({ kid, profiles, names, contacts, ...row }: Stored): AcmeAccountRow {
  const external =
    kid === null
      ? null
      : { kid, profiles: profiles && JSON.parse(profiles), names: names && JSON.parse(names) }
  return { ...row, contacts: JSON.parse(contacts), external }
}
