import { CaError } from '../../errors.ts'
import type { AcmeAccountRecord, AcmeAccountUpdate, AcmeKeyRollover } from '../acme-commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { externalKeyUser } from './external-key.ts'
import { nextNumber } from './number.ts'

/** Former keys of one account; the oldest are forgotten. Else its holder could make ever more of them. */
const FORMER_KEYS = 100

export function acmeAccountHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const useExternalKey = externalKeyUser(db)
  const byThumbprint = db
    .prepare<[Uint8Array], number>('SELECT id FROM acme_accounts WHERE thumbprint = ?')
    .pluck()
  const insert = db.prepare(
    `INSERT INTO acme_accounts (id, status, thumbprint, jwk, contacts, terms_agreed_at, external_key, external_binding,
       created_at, created_from)
     VALUES (${nextNumber('acme_accounts')}, 'valid', ?, ?, ?, ?, ?, ?, ?, ?)`,
  )
  const exists = db.prepare<[number], number>('SELECT 1 FROM acme_accounts WHERE id = ?').pluck()
  const change = db.prepare(
    `UPDATE acme_accounts SET contacts = coalesce(:contacts, contacts),
       terms_agreed_at = coalesce(:termsAgreedAt, terms_agreed_at), status = coalesce(:status, status)
     WHERE id = :accountId AND status = 'valid'`,
  )
  const endAuthorizations = db.prepare(
    "UPDATE acme_authorizations SET status = ? WHERE account = ? AND status IN ('pending', 'valid')",
  )
  const endOrders = db.prepare(
    "UPDATE acme_orders SET status = 'invalid', error = ? WHERE account = ? AND status IN ('pending', 'ready')",
  )
  const roll = db.prepare(
    "UPDATE acme_accounts SET thumbprint = ?, jwk = ? WHERE id = ? AND thumbprint = ? AND status = 'valid'",
  )
  const keepFormer = db.prepare(
    'INSERT OR REPLACE INTO acme_former_keys (account, thumbprint, replaced_at) VALUES (?, ?, ?)',
  )
  const forgetFormer = db.prepare(
    `DELETE FROM acme_former_keys WHERE account = :accountId AND thumbprint IN (
       SELECT thumbprint FROM acme_former_keys WHERE account = :accountId ORDER BY replaced_at DESC LIMIT -1 OFFSET :kept)`,
  )
  return {
    createAcmeAccount(record: AcmeAccountRecord) {
      const known = byThumbprint.get(record.thumbprint)
      if (known !== undefined) return { accountId: known, created: false }
      const { external } = record
      const { lastInsertRowid } = insert.run(
        record.thumbprint,
        record.jwk,
        JSON.stringify(record.contacts),
        record.termsAgreedAt,
        external ? useExternalKey(external.kid, record.createdAt) : null,
        external?.binding ?? null,
        record.createdAt,
        record.createdFrom,
      )
      const accountId = Number(lastInsertRowid)
      const name = `account:${accountId}`
      writeAudit({ ...record.audit, target: name, actor: name })
      return { accountId, created: true }
    },

    updateAcmeAccount({ accountId, contacts, termsAgreedAt, status, error, audit }: AcmeAccountUpdate) {
      if (!exists.get(accountId)) throw new CaError('notFound', `There is no ACME account ${accountId}.`)
      const { changes } = change.run({
        accountId,
        contacts: contacts ? JSON.stringify(contacts) : null,
        termsAgreedAt: termsAgreedAt ?? null,
        status: status ?? null,
      })
      if (changes === 0) return { changed: false }
      if (status !== undefined) {
        endAuthorizations.run(status, accountId)
        endOrders.run(error ?? null, accountId)
      }
      if (audit) writeAudit(audit)
      return { changed: true }
    },

    rollAcmeAccountKey({ accountId, oldThumbprint, thumbprint, jwk, at, audit }: AcmeKeyRollover) {
      const holder = byThumbprint.get(thumbprint)
      if (holder !== undefined) return { outcome: 'inUse' as const, accountId: holder }
      if (roll.run(thumbprint, jwk, accountId, oldThumbprint).changes === 0) {
        throw new CaError('conflict', 'The key of the account was changed by another request.')
      }
      keepFormer.run(accountId, oldThumbprint, at)
      forgetFormer.run({ accountId, kept: FORMER_KEYS })
      writeAudit(audit)
      return { outcome: 'changed' as const }
    },
  }
}
