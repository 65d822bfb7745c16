import { expect } from 'vitest'
import { REASON, type ReasonName, reasonName } from '../../src/pki/crl/reasons.ts'
import type { TestCa } from '../api/ca-fixture.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, ocspRequest } from '../ocsp/ocsp-request.ts'
import type { Held, Model, Real } from './model.ts'

/** Inventory, OCSP and CRLs say what was acknowledged: all of it, and nothing else. */
export async function agree(model: Model, { ca, crls }: Real): Promise<void> {
  await agreeOnInventory(model, ca)
  for (const certificate of model.certificates) await agreeOnStatus(ca, certificate)
  await crls.look(ca, model)
}

async function agreeOnInventory({ certificates }: Model, ca: TestCa): Promise<void> {
  const rows = await ca.certificates()
  expect(new Set(rows.map(({ serialNumber }) => serialNumber)).size, 'a serial number came twice').toBe(
    rows.length,
  )
  const inOrder = (texts: string[]) => texts.sort()
  expect(
    inOrder(
      rows.map(({ serialNumber, der, revocation: facts }) =>
        [
          ...[serialNumber, Buffer.from(der).toString('base64')],
          ...(facts ? [facts.revokedAt, reasonName(facts.reason)] : []),
        ].join(' '),
      ),
    ),
  ).toEqual(
    inOrder(
      certificates.map(({ serialNumber, der, revocation: facts }) =>
        [serialNumber, der.toString('base64'), ...(facts ? [facts.revokedAt, facts.reason] : [])].join(' '),
      ),
    ),
  )
}

/** Asks as most clients do, so that the answer may come from the cache. */
async function agreeOnStatus(ca: TestCa, certificate: Held): Promise<void> {
  const issuer = ca.service.authorities.issuing()
  const { der } = await ca.service.ocsp.respond(
    ocspRequest([certId(issuer.certificate, certificate.serialNumber)]),
  )
  expectStatus(ca, Buffer.from(der), certificate)
}

/** The answer's nonce, or null. */
export function expectStatus(ca: TestCa, der: Buffer, { revocation }: Held): Buffer | null {
  const { singles, nonce } = readAnswer(der, ca.service.authorities.issuing())
  expect(singles).toHaveLength(1)
  const [{ status, revokedAt, reason, thisUpdate, nextUpdate }] = singles as [(typeof singles)[number]]
  // An unspecified reason is said by leaving it out.
  const code = revocation && (REASON[revocation.reason as ReasonName] || null)
  expect({ status, revokedAt, reason }).toEqual(
    revocation
      ? { status: 'revoked', revokedAt: Math.min(revocation.revokedAt, thisUpdate), reason: code }
      : { status: 'good', revokedAt: null, reason: null },
  )
  expect(thisUpdate).toBeLessThanOrEqual(ca.seconds)
  expect(nextUpdate).toBeGreaterThan(ca.seconds)
  return nonce
}
