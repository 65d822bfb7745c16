import { SYSTEM_ORIGIN } from '../../../src/ca/audit.ts'
import { REASON } from '../../../src/pki/crl/reasons.ts'
import type { Specimen } from '../pkilint.ts'
import { ADMIN, enrol, type LintCa } from './ca.ts'
import { leaf } from './leaves.ts'

/** The CRLs of a CA that makes deltas and two partitions, and a certificate that names one of them. */
export async function scopeSpecimens(ca: LintCa): Promise<Specimen[]> {
  const empty = crls(ca, 'empty')
  const certificate = await enrol(ca)
  const { revoker } = ca.service
  for (let n = 0; n < 8; n++) {
    const { serialNumber } = await enrol(ca)
    const reason = n % 2 === 0 ? REASON.certificateHold : REASON.keyCompromise
    await revoker.revoke(serialNumber, { reason, invalidityDate: null }, ADMIN, SYSTEM_ORIGIN)
    // Half of the holds are lifted: the deltas say removeFromCRL.
    if (n % 4 === 0) await revoker.release(serialNumber, ADMIN, SYSTEM_ORIGIN)
  }
  return [...empty, ...crls(ca, 'with entries'), ...leaf('server with a partition', certificate, ca)]
}

function crls({ service }: LintCa, what: string): Specimen[] {
  return [null, 0, 1].flatMap((partition) =>
    (['full', 'delta'] as const).map((kind): Specimen => {
      const crl = service.crl.find({ authority: 'intermediate', partition }, kind)
      if (!crl) throw new Error(`no ${kind} CRL of partition ${partition}`)
      if ((what === 'empty') !== (crl.entries === 0)) throw new Error(`${crl.entries} entries in one ${what}`)
      return { kind: 'crl', name: `${kind} of partition ${partition ?? 'all'}, ${what}`, files: [crl.der] }
    }),
  )
}
