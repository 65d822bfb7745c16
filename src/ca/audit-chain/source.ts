import type { Queries } from '../../store/queries.ts'

/** What of the store is read to show or prove the audit log: of a service, or of a database that nobody serves. */
export type AuditSource = Pick<
  Queries,
  'auditChain' | 'auditHeads' | 'newestAudit' | 'certificate' | 'authorities'
>

/** Rows that are read at once: some 300 KB, and a few milliseconds. */
export const STEP = 500

/** The certificate that signed a head, and those above it up to the root. */
export interface SignerChain {
  readonly serialNumber: string
  /** DER. */
  readonly certificate: Buffer
  /** DER, the issuer first. */
  readonly above: readonly Buffer[]
}

/** Null where the database has no such certificate. */
export async function signerChain(serialNumber: string, source: AuditSource): Promise<SignerChain | null> {
  const row = await source.certificate(serialNumber)
  if (!row) return null
  const authority = (await source.authorities()).find(({ id }) => id === row.authority)
  const above = authority?.certificate ? [authority.certificate, ...authority.chain] : []
  return { serialNumber, certificate: row.der, above }
}
