import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { makeIntermediateCertificate } from '../../src/ca/hierarchy/ca-certificate.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { DAY, expectProblem, TestCa } from './ca-fixture.ts'
import { ownRoot } from './new-authority.ts'

let ca: TestCa
let root: X509Certificate
let issuer: X509Certificate
beforeAll(async () => {
  ca = await TestCa.create()
  root = new X509Certificate(ca.rootPem)
  issuer = new X509Certificate(ca.issuerPem)
})
afterAll(() => ca.close())

const get = (path: string, headers: Record<string, string> = {}) =>
  ca.call(path, { as: null, headers }, ca.http)
const fingerprint = (certificate: X509Certificate) =>
  certificate.fingerprint256.replaceAll(':', '').toLowerCase()

describe('what is in them', () => {
  test('PEM: whole blocks and nothing else', async () => {
    expect((await get('/bundles/roots.pem')).text).toBe(ca.rootPem)
    expect((await get('/bundles/chain.pem')).text).toBe(ca.issuerPem)
    expect((await get('/bundles/intermediate.pem')).text).toBe(ca.issuerPem + ca.rootPem)
    expect((await get('/bundles/root.pem')).text).toBe(ca.rootPem)
    const { text, headers } = await get('/bundles/intermediate.pem')
    expect(headers['content-type']).toBe('application/x-pem-file')
    expect(text).toMatch(
      /^(-----BEGIN CERTIFICATE-----\n([A-Za-z0-9+/=]{1,64}\n)+-----END CERTIFICATE-----\n)+$/,
    )
  })

  test('DER: one certificate, or a word on what to take instead', async () => {
    const answer = await get('/bundles/roots.der')
    expect(answer.headers['content-type']).toBe('application/pkix-cert')
    expect(answer.body).toEqual(root.raw)
    expectProblem(await get('/bundles/intermediate.der'), 409, 'conflict', /\.p7b or \.pem/)
  })

  test.for(['pem', 'p7b', 'p12', 'json', 'jwks'])('of no cross-certificates, as .%s', async (extension) => {
    expect((await get(`/bundles/cross.${extension}`)).status).toBe(200)
  })

  test('JSON: fingerprints beside SPIFFE’s keys', async () => {
    const { json, headers } = await get('/bundles/roots.json')
    expect(headers['content-type']).toBe('application/json')
    expect(json.certificates).toEqual([
      {
        sha256: fingerprint(root),
        subject: root.subject,
        notBefore: root.validFromDate.toISOString(),
        notAfter: root.validToDate.toISOString(),
        certificate: ca.rootPem,
      },
    ])
    const jwks = (await get('/bundles/roots.jwks')).json
    expect(jwks).toEqual({ keys: json.keys, spiffe_sequence: json.spiffe_sequence, spiffe_refresh_hint: 300 })
    const { x, y, crv, kty } = root.publicKey.export({ format: 'jwk' })
    expect(jwks.keys).toEqual([{ kty, crv, x, y, use: 'x509-svid', x5c: [root.raw.toString('base64')] }])
  })

  test.skipIf(toolIsMissing('openssl'))('PKCS #7 and PKCS #12, as openssl reads them', async () => {
    const p7b = await get('/bundles/intermediate.p7b')
    expect(p7b.headers['content-type']).toBe('application/pkcs7-mime')
    const printed = runTool('openssl', ['pkcs7', '-inform', 'DER', '-in', 'b', '-print_certs'], {
      b: p7b.body,
    })
    const blocks = decodePem(printed.slice(0, printed.lastIndexOf('-----') + 6), 'output')
    // A SET OF has no order of its own.
    const hex = (ders: Buffer[]) => ders.map((der) => der.toString('hex')).sort()
    expect(hex(blocks.map(({ der }) => der))).toEqual(hex([issuer.raw, root.raw]))
    const p12 = await get('/bundles/roots.p12')
    expect(p12.headers['content-type']).toBe('application/x-pkcs12')
    const opened = runTool('openssl', ['pkcs12', '-in', 'b', '-passin', 'pass:changeit', '-nokeys'], {
      b: p12.body,
    })
    expect(opened).toContain(ca.rootPem)
    expect(opened).toContain(`friendlyName: chancery-${fingerprint(root).slice(0, 8)}`)
  })

  test('the root by its fingerprint, in any form, and by no other', async () => {
    for (const form of [fingerprint(root), root.fingerprint256, fingerprint(root).toUpperCase()]) {
      const answer = await get(`/roots/${form}`)
      expect(answer.text).toBe(ca.rootPem)
    }
    expectProblem(await get(`/roots/${fingerprint(issuer)}`), 404, 'notFound')
    expectProblem(await get(`/roots/${fingerprint(root).slice(0, 40)}`), 404, 'notFound')
  })
})

describe('each format can be kept', () => {
  test.for([
    'roots.pem',
    'roots.der',
    'roots.p7b',
    'roots.p12',
    'roots.json',
    'roots.jwks',
    'chain.pem',
    'intermediate.p12',
  ])('%s', async (file) => {
    const first = await get(`/bundles/${file}`)
    expect(first.status).toBe(200)
    expect(first.headers['content-length']).toBe(String(first.body.length))
    expect(first.headers['cache-control']).toContain('max-age=300')
    const etag = String(first.headers.etag)
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/)
    // PKCS #12 is salted, and must still be the same bytes for the same certificates.
    expect((await get(`/bundles/${file}`)).body).toEqual(first.body)
    for (const tag of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
      const known = await get(`/bundles/${file}`, { 'if-none-match': tag })
      expect([known.status, known.body.length, known.headers.etag]).toEqual([304, 0, etag])
    }
    expect((await get(`/bundles/${file}`, { 'if-none-match': '"other"' })).status).toBe(200)
    const head = await ca.call(`/bundles/${file}`, { method: 'HEAD', as: null }, ca.http)
    expect([head.status, head.headers.etag, head.body.length]).toEqual([200, etag, 0])
  })
})

test('a date tells what somebody has, but not that of the second of the last change', async () => {
  ca.now += 60_000
  const since = async (date: number) =>
    (await get('/bundles/roots.pem', { 'if-modified-since': new Date(date).toUTCString() })).status
  const modified = Date.parse(String((await get('/bundles/roots.pem')).headers['last-modified']))
  expect(await since(modified)).toBe(304)
  expect(await since(ca.now)).toBe(304)
  expect(await since(modified - 1000)).toBe(200)
  // From before the clock was set back.
  expect(await since(ca.now + 2000)).toBe(200)
})

test('they are on the TLS listener as well, without credentials', async () => {
  expect((await ca.call('/bundles/roots.pem', { as: null })).text).toBe(ca.rootPem)
})

test.for([
  'roots',
  'roots.exe',
  'nobody.pem',
  '.pem',
  'roots.pem.pem',
  '..%2f..%2fadmin.key',
  'ROOTS.pem',
  '__proto__.pem',
  'roots.constructor',
  'roots.__proto__',
])('there is no bundle %s', async (file) => {
  expectProblem(await get(`/bundles/${file}`), 404, 'notFound')
})

test('who asks by date alone gets the renewed certificate of an authority, however long that was on its way', async () => {
  const { subject, spki } = ca.service.authorities.issuing().certificate
  const own = await ownRoot(ca)
  const wish = { subject, spki, pathLength: 0, nameConstraints: null, validity: 900 * DAY, urls: null }
  ca.now += DAY * 1000
  const { der } = await makeIntermediateCertificate(wish, own.certificate, own.id, own.signer, ca.clock())
  ca.now += DAY * 1000
  const downloaded = new Date(ca.now).toUTCString()
  ca.now += DAY * 1000
  const renewed = encodePem('CERTIFICATE', der)
  const installed = await ca.call('/v1/authorities/intermediate/certificate', {
    method: 'PUT',
    body: renewed + ca.rootPem,
    headers: { 'content-type': 'application/pem-certificate-chain' },
  })
  expect(installed.status, installed.text).toBe(200)
  for (const name of ['chain', 'intermediate']) {
    const { status, text } = await get(`/bundles/${name}.pem`, { 'if-modified-since': downloaded })
    expect(status, name).toBe(200)
    expect(text).toContain(renewed)
  }
})
