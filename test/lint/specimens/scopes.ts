import { SYSTEM_ORIGIN } from '../../../src/ca/audit.ts'
import { crlPartition } from '../../../src/pki/crl/partition.ts'
import { REASON } from '../../../src/pki/crl/reasons.ts'
import { eventually } from '../../eventually.ts'
import type { Specimen } from '../pkilint.ts'
import { ADMIN, enrol, type LintCa } from './ca.ts'
import { leaf } from './leaves.ts'

/** The CRLs of a CA that makes deltas and two partitions, and a certificate that names one of them. */
export async function scopeSpecimens(ca: LintCa): Promise<Specimen[]> {
  const empty = crls(ca, 'empty')
  const certificate = await enrol(ca)
  for (const partition of [0, 1]) {
    for (let n = 0; n < 4; n++) await revokeIn(partition, n, ca)
  }
  const filled = await eventually(() => crls(ca, 'with entries'))
  return [...empty, ...filled, ...leaf('server with a partition', certificate, ca)]
}

/** One of each: a hold that is lifted again, so that the deltas say removeFromCRL, one that stays, and what is for ever. */
async function revokeIn(partition: number, n: number, ca: LintCa): Promise<void> {
  const { serialNumber } = await enrol(ca)
  if (crlPartition(serialNumber, 2) !== partition) return revokeIn(partition, n, ca)
  const { revoker } = ca.service
  const reason = n % 2 === 0 ? REASON.certificateHold : REASON.keyCompromise
  await revoker.revoke(serialNumber, { reason, invalidityDate: null }, ADMIN, SYSTEM_ORIGIN)
  if (n === 0) await revoker.release(serialNumber, ADMIN, SYSTEM_ORIGIN)
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
