import { CaError } from '../../errors.ts'
import type { CrlRecord } from '../commands.ts'
import type { Connection } from '../connection.ts'
import { auditWriter } from './audit.ts'
import { authorityKeys } from './authority.ts'

export function crlHandlers(db: Connection) {
  const authorityKey = authorityKeys(db)
  const writeAudit = auditWriter(db)
  // RFC 5280 5.2.3: CRL numbers only rise. One row an authority is enough, since it holds the highest so far.
  const save = db.prepare(
    `INSERT INTO crls (authority, number, this_update, next_update, entries, der) VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (authority) DO UPDATE SET number = excluded.number, this_update = excluded.this_update,
       next_update = excluded.next_update, entries = excluded.entries, der = excluded.der
     WHERE excluded.number > crls.number`,
  )
  return {
    recordCrl(record: CrlRecord) {
      const { changes } = save.run(
        authorityKey(record.authority),
        record.number,
        record.thisUpdate,
        record.nextUpdate,
        record.entries,
        record.der,
      )
      if (changes === 0) {
        throw new CaError(
          'conflict',
          `CRL number ${record.number} of "${record.authority}" is not above the one on record. Build it again.`,
        )
      }
      if (record.audit) writeAudit(record.audit)
      return {}
    },
  }
}
