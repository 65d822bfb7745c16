import type { Specimen } from '../pkilint.ts'
import { enrol, type LintCa, openLintCa } from './ca.ts'
import { defaultHierarchySpecimens, signatureSpecimens } from './hierarchies.ts'
import { CUSTOM_PROFILES, leaf, leafSpecimens } from './leaves.ts'
import { responderSpecimens } from './responders.ts'
import { emptyCrl, ocspAbout, revocationSpecimens } from './revocation.ts'
import { scopeSpecimens } from './scopes.ts'

/** Everything that this CA signs, in every shape. */
export async function allSpecimens(): Promise<Specimen[]> {
  const present = await using(
    openLintCa('2026-03-01T12:00:00Z', { profiles: CUSTOM_PROFILES }),
    async (ca) => [
      // First, while nothing is revoked.
      ...(await revocationSpecimens(ca)),
      ...(await leafSpecimens(ca)),
      ...(await defaultHierarchySpecimens(ca)),
      ...(await signatureSpecimens(ca)),
    ],
  )
  // RFC 5280 4.1.2.5: from 2050 on, times change their ASN.1 type.
  const turn = await using(openLintCa('2049-12-28T12:00:00Z'), async (ca) => {
    const certificate = await enrol(ca)
    return [
      ...leaf('server across the turn of 2050', certificate, ca),
      { ...emptyCrl(ca, 'intermediate'), name: 'across the turn of 2050' },
      await ocspAbout(ca, 'across the turn of 2050', [certificate]),
    ]
  })
  const crl = { delta: true, partitions: 2 }
  const scopes = await using(openLintCa('2026-03-01T12:00:00Z', { crl }), scopeSpecimens)
  const ocsp = { signer: 'delegated', responderId: 'name', archiveCutoff: '1y', neverIssued: 'unknown' }
  const delegated = await using(openLintCa('2026-03-01T12:00:00Z', { ocsp }), responderSpecimens)
  return [...present, ...turn, ...scopes, ...delegated]
}

async function using<T>(opening: Promise<LintCa>, work: (ca: LintCa) => Promise<T>): Promise<T> {
  const ca = await opening
  try {
    return await work(ca)
  } finally {
    await ca.close()
  }
}
