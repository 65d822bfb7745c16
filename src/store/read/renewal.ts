import { serialOctets } from '../columns.ts'
import type { Connection } from '../connection.ts'

/** Renewals that one query follows. Their number is their holder's choice, and whoever asks needs no more than an old certificate. */
export const MOST_RENEWALS = 1000

export function renewalQueries(db: Connection) {
  const line = db.prepare<[Buffer, number, number], { serial: Buffer; step: number }>(
    `WITH RECURSIVE line (id, step) AS (
       SELECT id, 0 FROM certificates WHERE serial = ?
       UNION ALL
       SELECT n.id, line.step + 1 FROM line CROSS JOIN certificates n
         ON n.id = (SELECT m.id FROM certificates m WHERE m.replaces = line.id ORDER BY m.id DESC LIMIT 1)
       WHERE n.not_before <= ? AND line.step <= ?
         AND NOT EXISTS (SELECT 1 FROM revocations r WHERE r.certificate = n.id))
     SELECT c.serial AS serial, line.step AS step FROM line CROSS JOIN certificates c ON c.id = line.id
     ORDER BY line.step DESC LIMIT 1`,
  )
  return {
    async newestRenewal(serialNumber: string, now: number): Promise<string | null> {
      const end = line.get(serialOctets(serialNumber), now, MOST_RENEWALS)
      return end && end.step <= MOST_RENEWALS ? end.serial.toString('hex') : null
    },
  }
}
