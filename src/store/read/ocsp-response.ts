import type { Connection } from '../connection.ts'
import type { OcspResponseRow } from '../queries.ts'

export function ocspResponseQueries(db: Connection) {
  const find = db.prepare<[string, Uint8Array], OcspResponseRow>(
    `SELECT this_update AS thisUpdate, next_update AS nextUpdate, der FROM ocsp_responses
     WHERE authority = (SELECT key FROM authorities WHERE id = ?) AND cert_id = ?`,
  )
  return {
    async ocspResponse(authority: string, certId: Uint8Array): Promise<OcspResponseRow | null> {
      return find.get(authority, certId) ?? null
    },
  }
}
