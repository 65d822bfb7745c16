import { gunzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { acceptsGzip } from '../../src/api/compression.ts'
import { proveCrlOrigin } from '../../src/ca/hierarchy/prove-crl.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { parseCrl } from '../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../src/pki/crl/parse-entry.ts'
import { crlPartition } from '../../src/pki/crl/partition.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { scopeExtensions } from '../crl/scope-extensions.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, ocspRequest } from '../ocsp/ocsp-request.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { DAY, expectProblem, PUBLIC_URL, TestCa } from './ca-fixture.ts'
import { csrPem } from './requests.ts'

const PARTITIONS = 3

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({ options: { crl: { partitions: PARTITIONS, delta: true } } })
})
afterAll(() => ca.close())

const get = (url: string, headers: Record<string, string> = {}) =>
  ca.call(url, { method: 'GET', as: null, headers })
const revoke = (serialNumber: string, body: object = {}) =>
  ca.call(`/v1/certificates/${serialNumber}/revoke`, { body })
const listed = (der: Buffer) =>
  [...readCrlEntries(parseCrl(der).entries)].map(({ serialNumber }) => serialNumber)
/** The path of the CRL that a certificate names. */
function crlPath(certificate: string): string {
  const text = runTool('openssl', ['x509', '-in', 'leaf.pem', '-noout', '-ext', 'crlDistributionPoints'], {
    'leaf.pem': certificate,
  })
  const [, url] = /URI:(\S+)/.exec(text)!
  expect(url!.startsWith(PUBLIC_URL)).toBe(true)
  return url!.slice(PUBLIC_URL.length)
}

test('a delta CRL is kept by no cache up to its end', async () => {
  for (const path of ['/crl/intermediate/delta.crl', '/crl/intermediate/0/delta.crl'])
    expect((await get(path)).headers['cache-control']).toMatch(/^max-age=1800,/)
})

test('a CRL of a partition is proven to be its issuer’s, and one that was altered is not', async () => {
  const issuer = parseCertificate((await get('/ca/intermediate.crt')).body)
  const { body } = await get('/crl/intermediate/0.crl')
  expect(proveCrlOrigin(body, issuer).isPartial).toBe(true)
  const altered = Buffer.from(body)
  // Within thisUpdate, whose digits stay digits.
  const time = altered.indexOf(Buffer.from([0x17, 13])) + 13
  altered[time] = altered[time]! ^ 1
  expect(() => proveCrlOrigin(altered, issuer)).toThrow(/signature of the CRL does not verify/)
})

describe.skipIf(toolIsMissing('openssl'))('a certificate', () => {
  test('names the CRL of its partition, whose issuingDistributionPoint is that very address', async () => {
    const paths = new Set<string>()
    for (let n = 0; n < 12; n++) {
      const { serialNumber, certificate } = await ca.enrol(csrPem([`dns:web${n}.example.test`]))
      const path = crlPath(certificate)
      expect(path).toBe(`/crl/intermediate/${crlPartition(serialNumber, PARTITIONS)}.crl`)
      const { status, headers, body } = await get(path)
      expect([status, headers['content-type']]).toEqual([200, 'application/pkix-crl'])
      expect(scopeExtensions(body).locations).toEqual([PUBLIC_URL + path])
      paths.add(path)
    }
    expect(paths.size).toBeGreaterThan(1)
  })

  test('that is revoked stands in that CRL, in the full one and in both deltas when the call returns', async () => {
    const { serialNumber, certificate } = await ca.enrol(csrPem(['dns:gone.example.test']))
    const path = crlPath(certificate)
    await revoke(serialNumber, { reason: 'keyCompromise' })
    const addresses = [
      path,
      path.replace('.crl', '/delta.crl'),
      '/crl/intermediate.crl',
      '/crl/intermediate/delta.crl',
    ]
    for (const address of addresses) expect(listed((await get(address)).body)).toContain(serialNumber)
    // B3: OpenSSL 3.0 takes a newer delta for the full CRL.
    const bundle = await get('/bundles/roots.crl.pem')
    expect(bundle.text.match(/BEGIN X509 CRL/g)).toHaveLength(2)

    const verify = (crl: Buffer) => () =>
      runTool(
        'openssl',
        [
          ...['verify', '-attime', String(ca.seconds), '-crl_check', '-extended_crl', '-CRLfile', 'crl.pem'],
          ...['-CAfile', 'root.pem', '-untrusted', 'issuer.pem', 'leaf.pem'],
        ],
        {
          'crl.pem': encodePem('X509 CRL', crl),
          'root.pem': ca.rootPem,
          'issuer.pem': ca.issuerPem,
          'leaf.pem': certificate,
        },
      )
    expect(verify((await get(path)).body)).toThrow('certificate revoked')
    const other = `/crl/intermediate/${(crlPartition(serialNumber, PARTITIONS) + 1) % PARTITIONS}.crl`
    // Another partition says nothing of it.
    expect(verify((await get(other)).body)).toThrow('different CRL scope')
  })

  test('that was released leaves with removeFromCRL in the delta', async () => {
    const { serialNumber } = await ca.enrol(csrPem(['dns:held.example.test']))
    await revoke(serialNumber, { reason: 'certificateHold' })
    await ca.call(`/v1/certificates/${serialNumber}/release`, { body: {} })
    const { body } = await get('/crl/intermediate/delta.crl')
    const entry = [...readCrlEntries(parseCrl(body).entries)].find((one) => one.serialNumber === serialNumber)
    expect(entry?.reason).toBe(8)
    expect(listed((await get('/crl/intermediate.crl')).body)).not.toContain(serialNumber)
  })
})

test('what was revoked while the clock was ahead is dated no later than its list: Java passes over a date that is still to come', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:early.example.test']))
  const was = ca.now
  ca.now += 30 * DAY * 1000
  expect((await revoke(serialNumber, { reason: 'keyCompromise' })).status).toBe(200)
  ca.now = was
  await ca.service.crl.start()
  const part = `/crl/intermediate/${crlPartition(serialNumber, PARTITIONS)}`
  for (const path of ['/crl/intermediate.crl', `${part}.crl`]) {
    const { entries, thisUpdate } = parseCrl((await get(path)).body)
    const [entry] = [...readCrlEntries(entries)].filter((one) => one.serialNumber === serialNumber)
    expect(entry, path).toMatchObject({ revokedAt: ca.seconds, reason: 1 })
    expect(thisUpdate).toBe(ca.seconds)
  }
  const issuer = ca.service.authorities.get('intermediate')!
  const { der } = await ca.service.ocsp.respond(ocspRequest([certId(issuer.certificate, serialNumber)]))
  expect(readAnswer(der, issuer).singles).toMatchObject([{ status: 'revoked', revokedAt: ca.seconds }])
})

test('what is not published is a problem that says so', async () => {
  for (const path of [
    '/crl/intermediate/3.crl',
    '/crl/intermediate/03.crl',
    '/crl/intermediate/1000000.crl',
    '/crl/intermediate/-1.crl',
    '/crl/intermediate/3/delta.crl',
    '/crl/root/delta.crl',
    '/crl/other/0.crl',
    '/crl/other/delta.crl',
  ]) {
    expectProblem(await get(path), 404, 'notFound')
  }
})

describe('compression', () => {
  test('is for those who accept it, under an entity tag of its own', async () => {
    for (let n = 0; n < 20; n++)
      await revoke((await ca.enrol(csrPem([`dns:many${n}.example.test`]))).serialNumber)
    const plain = await get('/crl/intermediate.pem')
    expect(plain.headers['content-encoding']).toBeUndefined()
    expect(plain.headers.vary).toBe('accept-encoding')
    const small = await get('/crl/intermediate.pem', { 'accept-encoding': 'br, gzip;q=0.5' })
    expect(small.headers).toMatchObject({
      'content-encoding': 'gzip',
      vary: 'accept-encoding',
      'content-type': 'application/x-pem-file',
      'content-length': String(small.body.length),
    })
    expect(small.headers.etag).not.toBe(plain.headers.etag)
    expect(gunzipSync(small.body).equals(plain.body)).toBe(true)
    const known = { 'accept-encoding': 'gzip', 'if-none-match': String(small.headers.etag) }
    expect((await get('/crl/intermediate.pem', known)).status).toBe(304)
    expect((await get('/crl/intermediate.pem', { 'if-none-match': String(plain.headers.etag) })).status).toBe(
      304,
    )
  })

  test.each([
    [undefined, false],
    ['', false],
    ['br', false],
    ['gzip', true],
    ['GZIP ; q=1', true],
    ['gzip;q=0, *', false],
    ['*', true],
    ['*;q=0', false],
    ['identity, gzip;q=0.000', false],
  ])('%s: %s', (header, expected) => {
    expect(acceptsGzip(header)).toBe(expected)
  })
})

test('certificates keep their CRL when the number of partitions changes', async () => {
  const fewer = await TestCa.create({ options: { crl: { partitions: 2 } } })
  try {
    const { serialNumber, certificate } = await fewer.enrol(csrPem(['dns:old.example.test']))
    const { partition } = await readPartition(fewer, certificate)
    await fewer.reopen()
    await fewer.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
    const { body } = await fewer.call(`/crl/intermediate/${partition}.crl`, { method: 'GET', as: null })
    expect(listed(body)).toEqual([serialNumber])
  } finally {
    await fewer.close()
  }
})

async function readPartition(of: TestCa, certificate: string): Promise<{ partition: number }> {
  const { serialNumber } = parseCertificate(Buffer.from(certificate.split('-----')[2]!, 'base64'))
  expect(await of.service.store.read.certificate(serialNumber)).not.toBeNull()
  return { partition: crlPartition(serialNumber, 2) }
}
