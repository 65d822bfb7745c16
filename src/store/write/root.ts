import type { RootInstallation } from '../authority-commands.ts'
import type { AuditEntry } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { authorityHandlers } from './authority.ts'
import { authorityKeys } from './authority-keys.ts'
import { publicationWriter, wholeOf } from './crl.ts'

/** Roots beside the first, and what roots sign for each other. */
export function rootHandlers(db: Connection) {
  const writeAudit = auditWriter(db)
  const keyOf = authorityKeys(db)
  const publish = publicationWriter(db)
  const { recordAuthority } = authorityHandlers(db)
  const insert = db.prepare(
    `INSERT INTO cross_certificates (certificate, subject, issuer, installed_at) VALUES (?, ?, ?, ?)
     ON CONFLICT DO NOTHING`,
  )
  const remove = db.prepare('DELETE FROM cross_certificates WHERE certificate = ?')

  return {
    installRoots({ roots, crls, crossCertificates, at, audit }: RootInstallation) {
      for (const { id, certificate, crl } of roots) {
        const bare = { isDefault: false, chain: [], csr: null, keyFile: null, hash: null, replaces: null }
        const target = { ...audit, target: id }
        recordAuthority({
          ...bare,
          id,
          role: 'root',
          state: 'active',
          certificate,
          createdAt: at,
          audit: target,
        })
        publish(wholeOf({ ...crl, authority: id }))
      }
      for (const crl of crls) publish(wholeOf(crl))
      for (const { certificate, subject, issuer } of crossCertificates)
        insert.run(certificate, keyOf(subject), keyOf(issuer), at)
      if (crls.length + crossCertificates.length > 0) writeAudit(audit)
      return {}
    },

    removeCrossCertificate({ certificate, audit }: { certificate: Uint8Array; audit: AuditEntry }) {
      const changed = remove.run(certificate).changes === 1
      if (changed) writeAudit(audit)
      return { changed }
    },
  }
}
