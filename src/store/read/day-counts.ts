import type { Connection } from '../connection.ts'
import type { DayCount } from '../queries.ts'

/** Seconds. */
const DAY = 86_400

/** A day with more is counted no further: nobody reads a plot that exactly, and each step ends soon. */
const DAY_BOUND = 1_000_000

/** Each count walks one stretch of an index, and no row of a table. */
const COUNTS = {
  issued: 'certificates INDEXED BY certificates_issued WHERE issued_ms >= ? * 1000 AND issued_ms < ? * 1000',
  expiring: 'certificates INDEXED BY certificates_expiry WHERE not_after >= ? AND not_after < ?',
  revoked: 'revocations INDEXED BY revocations_time WHERE revoked_at >= ? AND revoked_at < ?',
} as const

export function dayCountQueries(db: Connection, bound = DAY_BOUND) {
  const prepare = (rows: string) =>
    db
      .prepare<[number, number, number], number>(`SELECT count(*) FROM (SELECT 1 FROM ${rows} LIMIT ?)`)
      .pluck()
  const issued = prepare(COUNTS.issued)
  const expiring = prepare(COUNTS.expiring)
  const revoked = prepare(COUNTS.revoked)
  const count = db.transaction((from: number): DayCount => {
    const until = from + DAY
    return {
      from,
      issued: issued.get(from, until, bound)!,
      expiring: expiring.get(from, until, bound)!,
      revoked: revoked.get(from, until, bound)!,
    }
  })
  return {
    /** `from`: seconds since 1970, when the day begins. */
    async countDay(from: number): Promise<DayCount> {
      return count(from)
    },
  }
}
