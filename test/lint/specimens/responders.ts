import { SYSTEM_ORIGIN } from '../../../src/ca/audit.ts'
import { REASON } from '../../../src/pki/crl/reasons.ts'
import type { Specimen } from '../pkilint.ts'
import { ADMIN, enrol, type LintCa } from './ca.ts'
import { leaf } from './leaves.ts'
import { ocspAbout } from './revocation.ts'

/** What a delegated responder says, by name and with an archive cutoff, and the certificate that it has. */
export async function responderSpecimens(ca: LintCa): Promise<Specimen[]> {
  const [good, revoked] = [await enrol(ca), await enrol(ca)]
  const wish = { reason: REASON.superseded, invalidityDate: null }
  await ca.service.revoker.revoke(revoked.serialNumber, wish, ADMIN, SYSTEM_ORIGIN)
  const filter = { profile: 'chancery-ocsp', now: Math.floor(ca.now.getTime() / 1000) }
  const { rows } = await ca.service.store.read.searchCertificates(filter, { limit: 2 })
  const responder = await ca.service.store.read.certificate(rows[0]!.serialNumber)
  return [
    ...leaf('delegated OCSP responder', responder!, ca),
    await ocspAbout(ca, 'delegated, good', [good]),
    await ocspAbout(ca, 'delegated, revoked', [revoked]),
    await ocspAbout(ca, 'delegated, never issued', [{ ...good, serialNumber: '11'.repeat(20) }]),
  ]
}
