import type { AuthorityRow, CrossCertificateRow, Queries } from '../../store/queries.ts'

/** What of the store is read to show or prove the audit log: of a service, or of a database that nobody serves. */
export type AuditSource = Pick<
  Queries,
  'auditChain' | 'auditHeads' | 'newestAudit' | 'certificate' | 'authorities' | 'crossCertificates'
>

/** Rows that are read at once: some 300 KB, and a few milliseconds. */
export const STEP = 500

/** The certificate that signed a head, and those above it up to a root that is in the bundles. */
export interface SignerChain {
  readonly serialNumber: string
  /** DER. */
  readonly certificate: Buffer
  /** DER, the issuer first. */
  readonly above: readonly Buffer[]
  /** Since when it counts no more; null where it is not revoked. Seconds since 1970. */
  readonly revokedAt: number | null
}

/** Null where the database has no such certificate. */
export async function signerChain(serialNumber: string, source: AuditSource): Promise<SignerChain | null> {
  const row = await source.certificate(serialNumber)
  if (!row) return null
  const revokedAt =
    row.revocation && Math.min(row.revocation.revokedAt, row.revocation.invalidityDate ?? Infinity)
  const authorities = await source.authorities()
  const authority = authorities.find(({ id }) => id === row.authority)
  if (!authority?.certificate) return { serialNumber, certificate: row.der, above: [], revokedAt }
  const above = [authority.certificate, ...authority.chain]
  const cross = await source.crossCertificates()
  return {
    serialNumber,
    certificate: row.der,
    above: [...above, ...beyond(above.at(-1)!, authorities, cross)],
    revokedAt,
  }
}

/** From a root that is retired, by what others signed for it: who verifies later knows those alone. */
function beyond(
  root: Buffer,
  authorities: readonly AuthorityRow[],
  cross: readonly CrossCertificateRow[],
  passed: readonly string[] = [],
): Buffer[] {
  const known = authorities.find(({ certificate }) => certificate?.equals(root))
  if (known?.state !== 'retired') return []
  const seen = [...passed, known.id]
  const next = cross.find(({ subject, issuer }) => subject === known.id && !seen.includes(issuer))
  const issuer = next && authorities.find(({ id }) => id === next.issuer)?.certificate
  return issuer ? [next.certificate, issuer, ...beyond(issuer, authorities, cross, seen)] : []
}
