import { afterAll, beforeAll, expect, test } from 'vitest'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { readAnswer } from '../../ocsp/answer.ts'
import { runTool, toolIsMissing } from '../../pki/external-tool.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem, keyPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
  await ca.listen()
})
afterAll(() => ca.close())

const staple = (serialNumber: string, call = {}) =>
  ca.call(`/v1/certificates/${serialNumber}/ocsp`, { method: 'GET', ...call })
const read = (body: Buffer) => readAnswer(body, ca.service.authorities.issuing())

test('a staple is one answer, by SHA-1, with the seconds for which to keep it', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:web.example.test']))
  const { status, headers, body } = await staple(serialNumber)
  expect([status, headers['content-type']]).toEqual([200, 'application/ocsp-response'])
  expect(headers['cache-control']).toBe(`max-age=${DAY / 4}, private`)
  expect(read(body)).toMatchObject({ status: 'successful', singles: [{ status: 'good' }], nonce: null })
})

test.skipIf(toolIsMissing('openssl'))('openssl takes it for the certificate', async () => {
  const { serialNumber, certificate } = await ca.enrol(csrPem(['dns:web.example.test']))
  const files = {
    'staple.der': (await staple(serialNumber)).body,
    'root.pem': ca.rootPem,
    'issuer.pem': ca.issuerPem,
    'leaf.pem': certificate,
  }
  const printed = runTool(
    'openssl',
    [
      'ocsp',
      '-respin',
      'staple.der',
      '-issuer',
      'issuer.pem',
      '-cert',
      'leaf.pem',
      '-CAfile',
      'root.pem',
      '-no_nonce',
      '-attime',
      String(ca.seconds),
      '-validity_period',
      String(DAY),
    ],
    files,
  )
  expect(printed).toContain('leaf.pem: good')
})

test('shows a revocation at once, and is for admins and the certificate itself', async () => {
  const key = newKey()
  const { serialNumber, certificate } = await ca.enrol(csrPem(['dns:own.example.test'], { key }))
  const other = await ca.enrol(csrPem(['dns:other.example.test']))
  const identity = { key: keyPem(key), certificate }
  const own = await ca.send(`/v1/certificates/${serialNumber}/ocsp`, { method: 'GET', identity })
  expect(read(own.body).singles).toMatchObject([{ status: 'good' }])
  const foreign = await ca.send(`/v1/certificates/${other.serialNumber}/ocsp`, { method: 'GET', identity })
  expectProblem(foreign, 403, 'forbidden')
  expectProblem(await staple(serialNumber, { as: null }), 401, 'unauthenticated')
  expectProblem(await staple('4f'.repeat(20)), 404, 'notFound')
  await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason: 'superseded' } })
  expect(read((await staple(serialNumber)).body).singles).toMatchObject([{ status: 'revoked', reason: 4 }])
})

test('where no answer can be signed, nothing is given that could be taken for one', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:late.example.test']))
  const { notAfter } = parseCertificate(ca.service.authorities.issuing().certificate.der)
  const now = ca.now
  ca.now = (notAfter + 1) * 1000
  expectProblem(await staple(serialNumber), 503, 'authorityNotReady', /keep the last one/)
  ca.now = now
})
