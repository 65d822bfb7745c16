import type { AuditHeadRow } from '../../store/queries.ts'
import { type AuditSource, type SignerChain, STEP, signerChain } from './source.ts'
import { type ChainVerdict, ChainVerifier } from './verifier.ts'

/** Heads that were kept elsewhere, with the certificates of their signers. */
export interface KeptHeads {
  readonly heads: readonly AuditHeadRow[]
  readonly signers: readonly SignerChain[]
}

/** Proves the audit log of a database, which a service may be writing meanwhile. `roots`: DER. */
export async function verifyDatabase(
  source: AuditSource,
  roots: readonly Buffer[],
  kept: KeptHeads = { heads: [], signers: [] },
): Promise<ChainVerdict> {
  const verifier = new ChainVerifier(roots)
  for (const signer of kept.signers) verifier.signer(await asOfNow(signer, source))
  const expect = async (heads: readonly AuditHeadRow[]) => {
    for (const head of heads) {
      const { certificate } = head
      const signer = verifier.knowsSigner(certificate) ? null : await signerChain(certificate, source)
      if (signer) verifier.signer(signer)
      verifier.head(head)
    }
  }
  await expect(kept.heads)
  // Before the end is looked at: heads behind it are of rows that are gone.
  const heads = await source.auditHeads(0, Number.MAX_SAFE_INTEGER)
  await expect(heads)
  // From before the first row to behind the newest: a row with a number that the service never gives was put in.
  for (let after = Number.NEGATIVE_INFINITY; ; ) {
    const rows = await source.auditChain(after, Number.POSITIVE_INFINITY, STEP)
    for (const row of rows) verifier.row(row)
    const last = rows.at(-1)?.id ?? after
    // Numbers beyond 2^53 are not read exactly, and would come again.
    if (rows.length < STEP || last <= after) return verifier.finish()
    after = last
  }
}

/** An export may be older than the revocation of a signer, and the database may have lost one. */
async function asOfNow(signer: SignerChain, source: AuditSource): Promise<SignerChain> {
  const here = await signerChain(signer.serialNumber, source)
  const known = [signer.revokedAt, here?.revokedAt ?? null].filter((time) => time !== null)
  return { ...signer, revokedAt: known.length > 0 ? Math.min(...known) : null }
}
