import type { Connection } from '../connection.ts'
import type { AuthorityRow } from '../queries.ts'

type StoredAuthority = Omit<AuthorityRow, 'isDefault' | 'chain'> & { isDefault: number; chain: string }

export function authorityQueries(db: Connection) {
  const all = db.prepare<[], StoredAuthority>(
    `SELECT id, role, state, is_default AS isDefault, certificate, chain, csr, key_file AS keyFile, hash,
       created_at AS createdAt
     FROM authorities ORDER BY key`,
  )
  return {
    async authorities(): Promise<AuthorityRow[]> {
      return all.all().map((row) => ({
        ...row,
        isDefault: row.isDefault === 1,
        chain: (JSON.parse(row.chain) as string[]).map((der) => Buffer.from(der, 'base64')),
      }))
    },
  }
}
