import { X509Certificate } from 'node:crypto'
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { openRoot } from '../../src/ca/hierarchy/root.ts'
import { proveOcspResponse } from '../../src/ocsp/prove-response.ts'
import { stapleRequest } from '../../src/ocsp/staple.ts'
import { readKeyUsage } from '../../src/pki/certificate/ca-constraints.ts'
import { EXTENSION, extendedKeyUsage } from '../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { DAY, expectProblem, ROOT_PASSPHRASE, TestCa } from '../api/ca-fixture.ts'
import { newAuthority } from '../api/new-authority.ts'
import { csrPem } from '../api/requests.ts'
import { eventually } from '../eventually.ts'
import { addAuthority } from '../lint/specimens/ca.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'

let ca: TestCa
const open = async (ocsp: object = {}) => {
  ca = await TestCa.create({ options: { ocsp: { signer: 'delegated', ...ocsp } } })
}
beforeEach(() => open())
afterEach(() => ca.close())

const issuer = () => ca.service.authorities.get('intermediate')!
async function answerAbout(serialNumber: string) {
  const { status, der } = await ca.service.ocsp.respond(stapleRequest(issuer(), serialNumber))
  expect(status).toBe('successful')
  proveOcspResponse(der, issuer().certificate, ca.seconds)
  const answer = readAnswer(der, issuer())
  expect(answer.certificates).toHaveLength(1)
  return { der, ...answer, responder: parseCertificate(answer.certificates![0]!), single: answer.singles[0]! }
}
const enrol = async () => (await ca.enrol(csrPem(['dns:web.example.test']))).serialNumber
const health = () => ca.service.health().find(({ name }) => name === 'ocsp:intermediate')

test('answers are signed by a responder that the authority certified for nothing else', async () => {
  const { responder, responderKeyHash } = await answerAbout(await enrol())
  const certificate = new X509Certificate(responder.der)
  expect(certificate.verify(new X509Certificate(issuer().certificate.der).publicKey)).toBe(true)
  expect([...readKeyUsage(responder)!]).toEqual(['digitalSignature'])
  const found = (oid: string) => responder.extensions.find((one) => one.oid === oid)
  expect(found(EXTENSION.extendedKeyUsage)?.value).toEqual(extendedKeyUsage(['OCSPSigning']).value)
  expect(found(EXTENSION.ocspNoCheck)).toMatchObject({ critical: false })
  for (const oid of [
    EXTENSION.crlDistributionPoints,
    EXTENSION.authorityInformationAccess,
    EXTENSION.subjectAltName,
  ])
    expect(found(oid)).toBeUndefined()
  expect(responder.notAfter).toBe(ca.seconds + 7 * DAY)
  expect(responderKeyHash).not.toBe(null)
  const { notAfter: until } = responder
  expect(health()).toEqual({ name: 'ocsp:intermediate', ok: true, reason: null, until })
  // It came by the one path, and stands in the inventory like any other.
  const row = await ca.service.store.read.certificate(responder.serialNumber)
  expect(row).toMatchObject({ profile: 'chancery-ocsp', principal: 'system:ocsp', names: [] })
})

test('nobody else gets such a certificate', async () => {
  const answer = await ca.call('/v1/certificates', {
    headers: { 'content-type': 'application/pkcs10' },
    body: csrPem(['dns:web.example.test']),
  })
  expect(answer.status).toBe(201)
  const asked = await ca.call('/v1/certificates', {
    body: { csr: csrPem(['dns:web.example.test']), profile: 'chancery-ocsp' },
  })
  expectProblem(asked, 400, 'unknownProfile')
  expect(JSON.stringify((await ca.call('/v1/profiles', { method: 'GET' })).json)).not.toContain('chancery-')
})

describe('the certificate of a responder', () => {
  test('is kept over a restart, its key encrypted and for nobody else to read', async () => {
    const serial = await enrol()
    const { responder } = await answerAbout(serial)
    const file = join(ca.directory, 'keys', 'ocsp-intermediate.pem')
    expect(statSync(file).mode & 0o777).toBe(0o600)
    expect(readFileSync(file, 'utf8')).toContain('BEGIN ENCRYPTED PRIVATE KEY')
    await ca.reopen()
    expect((await answerAbout(serial)).responder.serialNumber).toBe(responder.serialNumber)
  })

  test.each([
    ['another key', 'responderKeyType: P-384'],
    ['a shorter life', 'responderValidity: 3d'],
  ])('is replaced at a start that wants %s', async (_, option) => {
    const serial = await enrol()
    const { responder } = await answerAbout(serial)
    writeFileSync(join(ca.directory, 'chancery.yaml'), `ocsp: { ${option} }`)
    await ca.reopen()
    const next = (await answerAbout(serial)).responder
    expect(next.serialNumber).not.toBe(responder.serialNumber)
    await ca.reopen()
    expect((await answerAbout(serial)).responder.serialNumber).toBe(next.serialNumber)
  })

  test('that cannot be read is replaced, and the fault logged', async () => {
    const serial = await enrol()
    const { responder } = await answerAbout(serial)
    writeFileSync(join(ca.directory, 'keys', 'ocsp-intermediate.pem'), 'torn', { mode: 0o600 })
    await ca.reopen()
    expect((await answerAbout(serial)).responder.serialNumber).not.toBe(responder.serialNumber)
  })

  test('that cannot be kept on disk is used all the same, and no other is made each minute', async () => {
    const serial = await enrol()
    const first = (await answerAbout(serial)).responder
    mkdirSync(join(ca.directory, 'keys', 'ocsp-intermediate.pem.new'))
    ca.now += 5 * DAY * 1000
    const made: string[] = []
    await expect
      .poll(async () => {
        ca.now += DAY * 100
        made.push((await answerAbout(serial)).responder.serialNumber)
        return made.at(-1)
      })
      .not.toBe(first.serialNumber)
    for (let minute = 0; minute < 3; minute++) {
      ca.now += 61_000
      expect((await answerAbout(serial)).responder.serialNumber).toBe(made.at(-1))
    }
    expect(health()).toMatchObject({ ok: true, reason: null })
    const filter = { principal: 'system:ocsp', now: ca.seconds }
    expect((await ca.service.store.read.searchCertificates(filter, { limit: 10 })).rows).toHaveLength(2)
  })

  test('renews itself at two thirds of its life, without anybody waiting', async () => {
    const serial = await enrol()
    const first = (await answerAbout(serial)).responder
    ca.now += 5 * DAY * 1000
    // Still valid, so still used; the next one is made beside it.
    await answerAbout(serial)
    await expect
      .poll(async () => {
        ca.now += DAY * 500
        return (await answerAbout(serial)).responder.serialNumber
      })
      .not.toBe(first.serialNumber)
  })

  test('never ends before the response that it signed', async () => {
    await ca.close()
    await open({ validity: '2h', responderValidity: '6h' })
    const serial = await enrol()
    const end = (await answerAbout(serial)).responder.notAfter
    for (let hour = 1; hour < 12; hour++) {
      ca.now += 3_600_000
      const { single, responder } = await answerAbout(serial)
      expect(single.nextUpdate).toBeLessThanOrEqual(responder.notAfter)
    }
    expect(ca.seconds).toBeGreaterThan(end)
  })

  test('that is revoked is replaced before the call returns, and nothing that it signed is given out any more', async () => {
    const serial = await enrol()
    const { responder } = await answerAbout(serial)
    const { status } = await ca.call(`/v1/certificates/${responder.serialNumber}/revoke`, {
      body: { reason: 'keyCompromise' },
    })
    expect(status).toBe(200)
    expect((await answerAbout(serial)).responder.serialNumber).not.toBe(responder.serialNumber)
  })

  test('ends with the authority’s', async () => {
    await ca.close()
    await open({ responderValidity: '20y' })
    expect((await answerAbout(await enrol())).responder.notAfter).toBe(issuer().certificate.notAfter)
  })
})

test('a retired authority goes on to answer by a responder of its own', async () => {
  const serial = await enrol()
  const root = await openRoot(join(ca.directory, 'root-offline'), ROOT_PASSPHRASE)
  await addAuthority({ now: ca.clock(), service: ca.service }, root, { id: 'next' })
  for (const [id, body] of [
    ['next', { isDefault: true }],
    ['intermediate', { state: 'retired' }],
  ] as const) {
    expect((await ca.call(`/v1/authorities/${id}`, { method: 'PATCH', body })).status).toBe(200)
  }
  const { responder } = await answerAbout(serial)
  ca.now += 8 * DAY * 1000
  const later = await answerAbout(serial)
  expect(later.single.status).toBe('good')
  expect(later.responder.serialNumber).not.toBe(responder.serialNumber)
})

test('the renewals of its responder do not put off the end of a retired authority', async () => {
  const { serialNumber, notAfter } = await ca.enrol(csrPem(['dns:web.example.test']), { validity: '6d' })
  await newAuthority(ca, 'next', { replaces: 'intermediate' })
  ca.now += DAY * 1000
  const body = { phase: 'active' }
  expect((await ca.call('/v1/authorities/next/phase', { body })).status).toBe(200)
  const until = Date.parse(notAfter) / 1000 + 7 * DAY
  expect(issuer().answersUntil).toBe(until)

  const { responder } = await answerAbout(serialNumber)
  ca.now += 4 * DAY * 1000
  await answerAbout(serialNumber)
  await eventually(() => expect(health()?.until).toBeGreaterThan(responder.notAfter))
  expect(issuer().answersUntil).toBe(until)
})

describe.skipIf(toolIsMissing('openssl'))('openssl', () => {
  test.each([
    { responderId: 'key', responderKeyType: 'P-256' },
    { responderId: 'name', responderKeyType: 'P-384' },
    { responderId: 'name', responderKeyType: 'RSA-3072', archiveCutoff: '1y', neverIssued: 'unknown' },
    { responderId: 'key', responderKeyType: 'Ed25519' },
  ])('takes the answers: %o', async (options) => {
    await ca.close()
    await open(options)
    const { serialNumber, certificate } = await ca.enrol(csrPem(['dns:web.example.test']))
    const verify = async () =>
      runTool(
        'openssl',
        [
          ...['ocsp', '-issuer', 'issuer.pem', '-cert', 'leaf.pem', '-respin', 'response.der', '-no_nonce'],
          ...['-CAfile', 'root.pem', '-verify_other', 'issuer.pem', '-attime', String(ca.seconds)],
        ],
        {
          'response.der': (await answerAbout(serialNumber)).der,
          'issuer.pem': ca.issuerPem,
          'leaf.pem': certificate,
          'root.pem': ca.rootPem,
        },
      )
    expect(await verify()).toContain('leaf.pem: good')
    await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
    expect(await verify()).toContain('leaf.pem: revoked')
  })
})
