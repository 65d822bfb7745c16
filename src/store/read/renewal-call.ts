import type { RenewalCallRow } from '../acme-queries.ts'
import { serialOctets } from '../columns.ts'
import type { Connection } from '../connection.ts'

export function renewalCallQueries(db: Connection) {
  const newest = db.prepare<[Buffer], RenewalCallRow>(
    `SELECT r.starts_at AS startsAt, r.ends_at AS endsAt, r.explanation_url AS explanationUrl
     FROM certificates c JOIN renewal_calls r
       ON r.certificate = c.id OR (r.authority = c.authority AND r.issued_until_ms >= c.issued_ms)
     WHERE c.serial = ? ORDER BY r.id DESC LIMIT 1`,
  )
  return {
    async renewalCall(serialNumber: string): Promise<RenewalCallRow | null> {
      return newest.get(serialOctets(serialNumber)) ?? null
    },
  }
}
