import type { Connection } from '../connection.ts'
import type { OcspResponseRow } from '../queries.ts'

export function ocspResponseQueries(db: Connection) {
  const find = db.prepare<[string, Uint8Array], OcspResponseRow>(
    `SELECT this_update AS thisUpdate, next_update AS nextUpdate, der FROM ocsp_responses
     WHERE authority = (SELECT key FROM authorities WHERE id = ?) AND cert_id = ?`,
  )
  const ends = db.prepare<[], { authority: string; certId: Buffer; nextUpdate: number }>(
    `SELECT a.id AS authority, o.cert_id AS certId, o.next_update AS nextUpdate
     FROM ocsp_responses o JOIN authorities a ON a.key = o.authority ORDER BY o.authority, o.next_update`,
  )
  return {
    ocspResponseEnds: async () => ends.all(),
    async ocspResponse(authority: string, certId: Uint8Array): Promise<OcspResponseRow | null> {
      return find.get(authority, certId) ?? null
    },
  }
}
