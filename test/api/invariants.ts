import { X509Certificate } from 'node:crypto'
import { expect } from 'vitest'
import { readCrl } from '../crl/published.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, ocspRequest } from '../ocsp/ocsp-request.ts'
import type { TestCa } from './ca-fixture.ts'

/**
 * Serial numbers are unique, every certificate verifies up to the root, OCSP, CRL and database agree, and what was approved
 * is what was asked for, or less.
 */
export async function checkInvariants(ca: TestCa): Promise<void> {
  const { authorities, ocsp, crl } = ca.service
  const rows = await ca.certificates()
  expect(new Set(rows.map(({ serialNumber }) => serialNumber)).size).toBe(rows.length)
  for (const row of rows) {
    const issuer = authorities.get(row.authority)!
    const certificate = new X509Certificate(row.der)
    expect(certificate.verify(new X509Certificate(issuer.certificate.der).publicKey)).toBe(true)
    expect(certificate.serialNumber.toLowerCase()).toBe(row.serialNumber)
    expect(row.notAfter).toBeLessThanOrEqual(issuer.usableUntil)
    if (row.notAfter <= ca.seconds || issuer.usableUntil <= ca.seconds) continue
    const { der } = await ocsp.respond(ocspRequest([certId(issuer.certificate, row.serialNumber)]))
    const [single] = readAnswer(Buffer.from(der), issuer).singles
    expect(single?.status).toBe(row.revocation ? 'revoked' : 'good')
  }
  const { rows: approved } = await ca.service.store.read.listRequests(
    { state: 'approved', now: ca.seconds },
    { limit: 1000 },
  )
  for (const request of approved) {
    const row = rows.find(({ serialNumber }) => serialNumber === request.serialNumber)!
    expect(row).toMatchObject({
      principal: request.principal,
      profile: request.profile,
      keyHash: request.keyHash,
    })
    expect(request.names).toEqual(expect.arrayContaining(row.names))
  }
  for (const authority of authorities.all()) {
    const current = crl.current(authority.id)
    // What is revoked by one whose key is elsewhere is not in the inventory.
    if (!current || !authority.signer) continue
    const { serialNumbers } = readCrl(current.der, authority)
    const revoked = rows.filter((row) => row.authority === authority.id && row.revocation)
    const must = revoked
      .filter(({ notAfter }) => notAfter > ca.seconds)
      .map(({ serialNumber }) => serialNumber)
    expect(revoked.map(({ serialNumber }) => serialNumber)).toEqual(
      expect.arrayContaining(serialNumbers ?? []),
    )
    expect(serialNumbers ?? []).toEqual(expect.arrayContaining(must))
  }
}
