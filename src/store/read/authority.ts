import type { Connection } from '../connection.ts'
import type { AuthorityRow, CrossCertificateRow } from '../queries.ts'

type StoredAuthority = Omit<AuthorityRow, 'isDefault' | 'chain'> & { isDefault: number; chain: string }

export function authorityQueries(db: Connection) {
  const all = db.prepare<[], StoredAuthority>(
    `SELECT id, role, state, is_default AS isDefault, certificate, chain, csr, key_file AS keyFile, hash,
       created_at AS createdAt, published_at AS publishedAt, changed_at AS changedAt,
       (SELECT id FROM authorities AS old WHERE old.key = authorities.replaces) AS replaces
     FROM authorities ORDER BY key`,
  )
  const cross = db.prepare<[], CrossCertificateRow>(
    `SELECT x.certificate, subject.id AS subject, issuer.id AS issuer, x.installed_at AS installedAt
     FROM cross_certificates AS x
       JOIN authorities AS subject ON subject.key = x.subject
       JOIN authorities AS issuer ON issuer.key = x.issuer
     ORDER BY x.key`,
  )
  const lastExpiry = db
    .prepare<[string, string], number>(
      `SELECT not_after FROM certificates
       WHERE authority = (SELECT key FROM authorities WHERE id = ?)
         AND profile IS NOT (SELECT key FROM words WHERE text = ?)
       ORDER BY not_after DESC LIMIT 1`,
    )
    .pluck()
  return {
    async authorities(): Promise<AuthorityRow[]> {
      return all.all().map((row) => ({
        ...row,
        isDefault: row.isDefault === 1,
        chain: (JSON.parse(row.chain) as string[]).map((der) => Buffer.from(der, 'base64')),
      }))
    },
    async crossCertificates(): Promise<CrossCertificateRow[]> {
      return cross.all()
    },
    async lastExpiry(authority: string, profile: string): Promise<number | null> {
      return lastExpiry.get(authority, profile) ?? null
    },
  }
}
