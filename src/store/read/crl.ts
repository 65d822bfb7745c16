import type { Connection } from '../connection.ts'
import type { CrlRow } from '../queries.ts'

export function crlQueries(db: Connection) {
  const latest = db.prepare<[string], CrlRow>(
    `SELECT number, this_update AS thisUpdate, next_update AS nextUpdate, entries, der
     FROM crls WHERE authority = (SELECT key FROM authorities WHERE id = ?)`,
  )
  return {
    async latestCrl(authority: string): Promise<CrlRow | null> {
      return latest.get(authority) ?? null
    },
  }
}
