import { expect, onTestFinished, test } from 'vitest'
import { auditEntry, SYSTEM_ORIGIN } from '../../src/ca/audit.ts'
import { installCrl } from '../../src/ca/hierarchy/install-crl.ts'
import { type MadeRootCrl, makeNextRootCrl } from '../../src/ca/hierarchy/next-root-crl.ts'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import { installOcspResponse } from '../../src/ocsp/install-response.ts'
import { parseOcspRequest } from '../../src/ocsp/request.ts'
import { createOcspResponder } from '../../src/ocsp/responder.ts'
import { makeRootResponse } from '../../src/ocsp/root-response.ts'
import { signResponse } from '../../src/ocsp/sign-response.ts'
import { extendedKeyUsage, keyUsage } from '../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../src/pki/certificate/tbs.ts'
import { REASON } from '../../src/pki/crl/reasons.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { newSerialNumber } from '../../src/pki/serial-number.ts'
import { assembleSigned } from '../../src/pki/signed.ts'
import { readAnswer } from './answer.ts'
import { certId, ocspRequest } from './ocsp-request.ts'
import { RESPONDER_DEFAULTS } from './options.ts'
import { generateEcKey, SmallCa } from './small-ca.ts'

const DAY = 86_400

/** A root whose key is elsewhere: what is brought of it, about the one authority below it. */
async function prepared() {
  const ca = await SmallCa.create()
  onTestFinished(() => ca.close())
  const root = { id: 'root', certificate: ca.root.certificate, signer: ca.rootSigner }
  const { der: certificate, serialNumber } = ca.issuing.certificate
  const held: { crl: MadeRootCrl | null } = { crl: null }
  const responder = createOcspResponder({
    ...RESPONDER_DEFAULTS,
    ...{ authorities: ca.authorities, store: ca.store, clock: ca.clock },
    crlOf: (authority) => (authority === 'root' ? held.crl : null),
    onError: (error) => expect.unreachable(String(error)),
  })
  onTestFinished(() => responder.stop())
  const audit = () =>
    auditEntry('ocsp.install', 'ok', 'root', { id: 'system:cli' }, SYSTEM_ORIGIN, ca.clock())
  return {
    ...{ ca, responder, serialNumber, held, audit },
    nextCrl: (previous: MadeRootCrl | null, ...revoke: { serialNumber: string; reason: number }[]) =>
      makeNextRootCrl(root, { previous: previous?.der ?? null, revoke, validity: 365 * DAY }, ca.clock()),
    /** A response that is made by this CRL, now. */
    async bringBy({ der: crl }: MadeRootCrl): Promise<void> {
      const wish = { certificate, crl, validity: 90 * DAY, hash: 'sha1' } as const
      const { der } = await makeRootResponse(root, wish, ca.clock())
      await installOcspResponse(ca.store, ca.root, der, ca.clock(), audit())
    },
    async answer() {
      const { der } = await responder.respond(ocspRequest([certId(root.certificate, serialNumber)]))
      const { status, singles } = readAnswer(der, ca.root)
      return singles[0]?.status ?? status
    },
  }
}

test('a response that says good is not given beside a CRL that was brought since and revokes, until the next is brought', async () => {
  const { ca, responder, serialNumber, held, nextCrl, bringBy, answer } = await prepared()
  const bring = async () => {
    await bringBy(held.crl!)
    await responder.responseBrought()
  }

  held.crl = await nextCrl(held.crl)
  await bring()
  expect(await answer()).toBe('good')
  ca.now += 1000
  held.crl = await nextCrl(held.crl, { serialNumber, reason: REASON.cACompromise })
  expect(await answer()).toBe('unauthorized')
  await responder.responseBrought()
  expect(responder.health()).toMatchObject([
    { authority: 'root', reason: expect.stringContaining(`says “good” of ${serialNumber}`) },
  ])
  await bring()
  expect(await answer()).toBe('revoked')
  // A later CRL says the same.
  ca.now += 1000
  held.crl = await nextCrl(held.crl)
  expect(await answer()).toBe('revoked')
  expect(responder.health()).toMatchObject([{ authority: 'root', reason: null }])
})

test('a response that was made by a CRL of before says good of nothing that is revoked for ever, whichever came first', async () => {
  const { ca, serialNumber, held, audit, nextCrl, answer, ...brought } = await prepared()
  const bringCrl = async (crl: MadeRootCrl) => {
    await installCrl(ca.store, ca.root, crl.der, ca.clock(), audit())
    held.crl = crl
  }
  const bringBy = (crl: MadeRootCrl) => {
    ca.now += 1000
    return brought.bringBy(crl)
  }

  const first = await nextCrl(null)
  await bringCrl(first)
  ca.now += 1000
  const onHold = await nextCrl(first, { serialNumber, reason: REASON.certificateHold })
  const final = await nextCrl(onHold, { serialNumber, reason: REASON.keyCompromise })
  await bringBy(first)
  expect(await answer()).toBe('good')
  // A hold may have been lifted since.
  await bringCrl(onHold)
  expect(await answer()).toBe('good')
  await bringBy(first)
  await bringCrl(final)
  expect(await answer()).toBe('unauthorized')
  await bringBy(final)
  await expect(bringBy(first)).rejects.toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining(`says “good” of ${serialNumber}`),
  })
  expect(await answer()).toBe('revoked')
})

test('a response is given no longer than the certificate of its responder is valid', async () => {
  const { ca, responder, audit } = await prepared()
  const asked = ocspRequest([certId(ca.root.certificate, ca.issuing.certificate.serialNumber)])
  const signer = createKeySigner(generateEcKey(), null)
  const { subject } = ca.root.certificate
  const end = ca.seconds + 40 * DAY
  const tbs = encodeTbs({
    ...{ serialNumber: newSerialNumber(), signature: ca.rootSigner.algorithm, issuer: subject },
    ...{ subject: encodeName([{ type: 'CN', value: 'Responder' }]), spki: signer.spki },
    ...{ notBefore: ca.seconds, notAfter: end },
    extensions: [keyUsage(['digitalSignature']), extendedKeyUsage(['OCSPSigning'])],
  })
  const der = assembleSigned(tbs, ca.rootSigner.algorithm, await ca.rootSigner.sign(tbs))
  const certificate = parseCertificate(der)
  // openssl lets a response outlive the certificate of its responder; what is signed here would end with it.
  const lasting = { ...certificate, notAfter: end + 365 * DAY }
  const response = await signResponse(
    { signer, certificate: lasting, isDelegated: true },
    {
      ...{ request: parseOcspRequest(asked), statuses: ['good'], now: ca.seconds },
      authorityEnd: ca.root.certificate.notAfter,
      options: { validity: 90 * DAY, responderId: 'key' },
    },
  )
  const { nextUpdate } = await installOcspResponse(ca.store, ca.root, response.der, ca.clock(), audit())
  expect(nextUpdate).toBe(end)
  await responder.responseBrought()
  expect(responder.health()).toEqual([{ authority: 'root', reason: null, until: end }])
  ca.now = (end - 1) * 1000
  expect((await responder.respond(asked)).der).toEqual(response.der)
  expect(responder.health()).toMatchObject([{ reason: expect.stringContaining('ends at') }])
  ca.now = end * 1000
  expect((await responder.respond(asked)).status).toBe('unauthorized')
})
