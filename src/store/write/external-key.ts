import { CaError } from '../../errors.ts'
import type { ExternalKeyRecord } from '../acme-commands.ts'
import type { AuditEntry } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'

export function externalKeyHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const insert = db.prepare(
    `INSERT INTO acme_external_keys (kid, sealed, profiles, names, single_use, expires_at, created_at, created_by)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  )
  const exists = db.prepare<[string], number>('SELECT 1 FROM acme_external_keys WHERE kid = ?').pluck()
  const revoke = db.prepare(
    'UPDATE acme_external_keys SET revoked_at = ? WHERE kid = ? AND revoked_at IS NULL',
  )
  const reseal = db.prepare('UPDATE acme_external_keys SET sealed = ? WHERE kid = ?')
  return {
    createExternalKey(record: ExternalKeyRecord) {
      const { changes } = insert.run(
        record.kid,
        record.sealed,
        record.profiles && JSON.stringify(record.profiles),
        record.names && JSON.stringify(record.names),
        record.singleUse ? 1 : 0,
        record.expiresAt,
        record.createdAt,
        record.createdBy,
      )
      if (changes === 0) throw new CaError('conflict', `There is a key "${record.kid}" already.`)
      writeAudit(record.audit)
      return {}
    },

    resealExternalKeys({
      keys,
      audit,
    }: {
      keys: readonly { kid: string; sealed: Uint8Array }[]
      audit: AuditEntry
    }) {
      for (const { kid, sealed } of keys) reseal.run(sealed, kid)
      writeAudit(audit)
      return {}
    },

    revokeExternalKey({ kid, at, audit }: { kid: string; at: number; audit: AuditEntry }) {
      if (!exists.get(kid)) throw new CaError('notFound', `There is no key "${kid}".`)
      const changed = revoke.run(at, kid).changes === 1
      if (changed) writeAudit(audit)
      return { changed }
    },
  }
}

/** Binds a new account; "forbidden" unless the key is good at `now`, and unused where it is for one use. */
export function externalKeyUser(db: Connection) {
  const use = db
    .prepare<{ kid: string; now: number }, number>(
      `UPDATE acme_external_keys SET used_at = :now
       WHERE kid = :kid AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > :now)
         AND (single_use = 0 OR used_at IS NULL)
       RETURNING id`,
    )
    .pluck()
  return (kid: string, now: number): number => {
    const id = use.get({ kid, now })
    if (id === undefined) {
      throw new CaError(
        'forbidden',
        'The key of the external account was used, revoked or has expired. Ask an admin for a new one.',
      )
    }
    return id
  }
}
