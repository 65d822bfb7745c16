import type { OcspOptions } from '../config/authority-schema.ts'
import type { CertificateStatus } from '../store/queries.ts'
import type { CertStatus } from './response.ts'

/**
 * Null where the answer is "unauthorized", which costs no signature. RFC 6960 would have "unknown" for what was never
 * issued, but GnuTLS lets that pass: it is said by option alone.
 */
export function statusOf(
  row: CertificateStatus | null,
  { neverIssued, expired, archiveCutoff = Number.POSITIVE_INFINITY }: OcspOptions,
  now: number,
): CertStatus | null {
  if (row === null) return neverIssued === 'unknown' ? 'unknown' : null
  const isOver = row.notAfter < now - (expired === 'answer' ? archiveCutoff : 0)
  if (isOver) return null
  const { revocation } = row
  // What was revoked while the clock was ahead: Java passes over a time that is still to come.
  return revocation ? { ...revocation, revokedAt: Math.min(revocation.revokedAt, now) } : 'good'
}
