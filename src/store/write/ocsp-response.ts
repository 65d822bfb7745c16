import { CaError } from '../../errors.ts'
import type { OcspResponseRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { authorityKeys } from './authority-keys.ts'

export function ocspResponseHandlers(db: Connection) {
  const authorityKey = authorityKeys(db)
  const writeAudit = auditWriter(db)
  // An older one must not push out a newer one: it may say "good" of what was revoked since.
  const save = db.prepare(
    `INSERT INTO ocsp_responses (authority, cert_id, this_update, next_update, der) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (authority, cert_id) DO UPDATE SET this_update = excluded.this_update,
       next_update = excluded.next_update, der = excluded.der
     WHERE excluded.this_update > ocsp_responses.this_update`,
  )
  return {
    recordOcspResponse({ authority, certId, thisUpdate, nextUpdate, der, audit }: OcspResponseRecord) {
      const { changes } = save.run(authorityKey(authority), certId, thisUpdate, nextUpdate, der)
      if (changes === 0) {
        throw new CaError(
          'conflict',
          `A response of "${authority}" about this certificate that is as new or newer is here already.`,
        )
      }
      writeAudit(audit)
      return {}
    },
  }
}
