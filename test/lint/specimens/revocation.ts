import { SYSTEM_ORIGIN } from '../../../src/ca/audit.ts'
import { REASON, REVOCATION_REASONS } from '../../../src/pki/crl/reasons.ts'
import type { CertificateRow } from '../../../src/store/queries.ts'
import { eventually } from '../../eventually.ts'
import { type CertIdHash, certId, HASH_OIDS, nonce, ocspRequest } from '../../ocsp/ocsp-request.ts'
import type { Specimen } from '../pkilint.ts'
import { ADMIN, enrol, type LintCa } from './ca.ts'

/** OCSP responses and CRLs about certificates that are good, and revoked for each reason. */
export async function revocationSpecimens(ca: LintCa): Promise<Specimen[]> {
  const good = await enrol(ca)
  const specimens = [
    emptyCrl(ca, 'intermediate'),
    await ocspAbout(ca, 'good', [good]),
    await ocspAbout(ca, 'good, with a short nonce', [good], { extensions: [nonce(1)] }),
    await ocspAbout(ca, 'good, with a long nonce', [good], { extensions: [nonce(128)] }),
  ]
  for (const hash of Object.keys(HASH_OIDS) as CertIdHash[]) {
    specimens.push(await ocspAbout(ca, `good, asked with ${hash}`, [good], { hash }))
  }
  const revoked: CertificateRow[] = []
  for (const reason of REVOCATION_REASONS) {
    const certificate = await revoke(ca, REASON[reason], null)
    revoked.push(certificate)
    specimens.push(await ocspAbout(ca, `revoked, ${reason}`, [certificate]))
  }
  await revoke(ca, REASON.keyCompromise, Math.floor(ca.now.getTime() / 1000) - 86_400)
  await revoke(ca, REASON.unspecified, Math.floor(ca.now.getTime() / 1000) - 86_400)
  specimens.push(
    await ocspAbout(ca, 'several, good and revoked, with a nonce', [good, ...revoked], {
      extensions: [nonce(32)],
    }),
    {
      kind: 'crl',
      name: 'every reason, and invalidity dates',
      files: [await eventually(() => listOf(ca, 'intermediate', revoked.length + 2))],
    },
    await ocspError(ca, 'unauthorized', ocspRequest([certId(issuerOf(ca, good), '11'.repeat(20))])),
    await ocspError(ca, 'malformedRequest', Buffer.of(0x30, 0)),
  )
  return specimens
}

async function revoke(ca: LintCa, reason: number, invalidityDate: number | null): Promise<CertificateRow> {
  const certificate = await enrol(ca)
  await ca.service.revoker.revoke(certificate.serialNumber, { reason, invalidityDate }, ADMIN, SYSTEM_ORIGIN)
  return certificate
}

/** The CRL of an authority that has revoked nothing yet. */
export function emptyCrl(ca: LintCa, authority: string): Specimen {
  return { kind: 'crl', name: `empty, by ${authority}`, files: [listOf(ca, authority, 0)] }
}

/** The authority's current CRL, which must list so many: a specimen that is not what its name says proves nothing. */
function listOf({ service }: LintCa, authority: string, entries: number): Buffer {
  const crl = service.crl.current(authority)
  if (crl?.entries !== entries) throw new Error(`the CRL of ${authority} has ${crl?.entries} entries`)
  return crl.der
}

/** The answer about certificates of one authority. */
export async function ocspAbout(
  ca: LintCa,
  name: string,
  certificates: readonly CertificateRow[],
  { hash = 'sha1', extensions = [] }: { hash?: CertIdHash; extensions?: readonly Buffer[] } = {},
): Promise<Specimen> {
  const ids = certificates.map((one) => certId(issuerOf(ca, one), one.serialNumber, hash))
  const { status, der } = await ca.service.ocsp.respond(ocspRequest(ids, extensions))
  if (status !== 'successful') throw new Error(`OCSP ${name}: ${status}`)
  return { kind: 'ocsp', name, files: [der] }
}

async function ocspError(ca: LintCa, status: string, request: Buffer): Promise<Specimen> {
  const answer = await ca.service.ocsp.respond(request)
  if (answer.status !== status) throw new Error(`OCSP ${status}: ${answer.status}`)
  return { kind: 'ocsp', name: status, files: [answer.der] }
}

function issuerOf({ service }: LintCa, { authority }: CertificateRow) {
  return service.authorities.get(authority)!.certificate
}
