import { openForReading } from './connection.ts'

/** What the thread that builds CRLs reads, on a connection of its own. */
export interface CrlReader {
  /**
   * The entries of an authority's revoked certificates whose notAfter is at or past `notAfterFloor` (seconds since
   * 1970): their number, and their encodings one after the other, oldest certificate first.
   */
  entries(authority: string, notAfterFloor: number): { count: number; der: Buffer }
  close(): void
}

const FIRST_CAPACITY = 64 * 1024

export function openCrlReader(databaseFile: string): CrlReader {
  const db = openForReading(databaseFile)
  const select = db
    .prepare<[string, number], Buffer>(
      `SELECT r.entry FROM revocations r INDEXED BY revocations_authority
       WHERE r.authority = (SELECT key FROM authorities WHERE id = ?) AND r.not_after >= ?
       ORDER BY r.certificate`,
    )
    .pluck()
  return {
    entries(authority, notAfterFloor) {
      // One buffer that doubles: a million little buffers would cost several times the CRL itself.
      let der = Buffer.allocUnsafe(FIRST_CAPACITY)
      let length = 0
      let count = 0
      for (const entry of select.iterate(authority, notAfterFloor)) {
        if (length + entry.length > der.length) {
          const larger = Buffer.allocUnsafe(Math.max(der.length * 2, length + entry.length))
          der.copy(larger, 0, 0, length)
          der = larger
        }
        der.set(entry, length)
        length += entry.length
        count++
      }
      return { count, der: der.subarray(0, length) }
    },
    close: () => db.close(),
  }
}
