import { CaError } from '../../errors.ts'
import type { AuthorityRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'

/** The key under which other rows name an authority. `unknownAuthority` if it was never recorded. */
export function authorityKeys(db: Connection): (id: string) => number {
  const find = db.prepare<[string], number>('SELECT key FROM authorities WHERE id = ?').pluck()
  return (id) => {
    const key = find.get(id)
    if (key === undefined)
      throw new CaError('unknownAuthority', `There is no authority "${id}" in the database.`)
    return key
  }
}

export function authorityHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const clearDefault = db.prepare('UPDATE authorities SET is_default = 0 WHERE is_default = 1 AND id <> ?')
  // An update in place, never REPLACE: certificates refer to the key.
  const save = db.prepare(
    `INSERT INTO authorities (id, role, state, is_default, certificate, chain, csr, key_file, hash, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
     ON CONFLICT (id) DO UPDATE SET role = excluded.role, state = excluded.state, is_default = excluded.is_default,
       certificate = excluded.certificate, chain = excluded.chain, csr = excluded.csr,
       key_file = excluded.key_file, hash = excluded.hash, created_at = excluded.created_at`,
  )
  return {
    recordAuthority(record: AuthorityRecord) {
      // One default at most: the newest to claim it takes it over, in the same step.
      if (record.isDefault) clearDefault.run(record.id)
      save.run(
        record.id,
        record.role,
        record.state,
        record.isDefault ? 1 : 0,
        record.certificate,
        JSON.stringify(record.chain.map((der) => Buffer.from(der).toString('base64'))),
        record.csr,
        record.keyFile,
        record.hash,
        record.createdAt,
      )
      writeAudit(record.audit)
      return {}
    },
  }
}
