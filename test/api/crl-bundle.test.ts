import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { bundledAuthorities } from '../../src/crl/bundle.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { findSecret } from '../../src/sds/secret-source.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { DAY, expectProblem, TestCa } from './ca-fixture.ts'
import { newAuthority, secondRoot } from './new-authority.ts'
import { csrPem } from './requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const get = (name: string, headers = {}) =>
  ca.call(`/bundles/${name}.crl.pem`, { method: 'GET', as: null, headers })
const current = (id: string) => ca.service.crl.current(id)?.der

test.each(['roots', 'intermediate'])('%s holds one CRL for every CA of the chain', async (name) => {
  const { status, headers, text } = await get(name)
  expect([status, headers['content-type']]).toEqual([200, 'application/x-pem-file'])
  const blocks = decodePem(text, 'bundle')
  expect(blocks.map(({ label }) => label)).toEqual(['X509 CRL', 'X509 CRL'])
  const wanted = [current('intermediate'), current('root')].map((der) => der!.toString('hex'))
  expect(blocks.map(({ der }) => der.toString('hex')).sort()).toEqual(wanted.sort())
})

test('root holds its own alone', async () => {
  expect(decodePem((await get('root')).text, 'bundle').map(({ der }) => der)).toEqual([current('root')])
})

test('is kept by caches no longer than its CRLs live', async () => {
  const begin = ca.now
  const { nextUpdate } = ca.service.crl.current('intermediate')!
  ca.now = (nextUpdate - 10) * 1000
  const { headers } = await get('roots')
  expect(headers['cache-control']).toContain('max-age=10,')
  expect(headers.expires).toBe(new Date(nextUpdate * 1000).toUTCString())
  ca.now = begin
})

test.skipIf(toolIsMissing('openssl'))(
  'openssl checks the whole chain by it, and sees a revocation at once',
  async () => {
    const { serialNumber, certificate } = await ca.enrol(csrPem(['dns:web.example.test']))
    const verify = async () =>
      runTool(
        'openssl',
        // The clock of the test stands still, and openssl's does not.
        [
          'verify',
          '-attime',
          String(ca.seconds),
          '-crl_check_all',
          '-CRLfile',
          'crls.pem',
          '-CAfile',
          'root.pem',
          '-untrusted',
          'issuer.pem',
          'leaf.pem',
        ],
        {
          'crls.pem': (await get('roots')).text,
          'root.pem': ca.rootPem,
          'issuer.pem': ca.issuerPem,
          'leaf.pem': certificate,
        },
      )
    expect(await verify()).toContain('leaf.pem: OK')
    const before = await get('roots')
    await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
    await expect(verify()).rejects.toThrow(/certificate revoked/)
    expect((await get('roots', { 'if-none-match': before.headers.etag })).status).toBe(200)
    const { etag } = (await get('roots')).headers
    expect((await get('roots', { 'if-none-match': etag })).status).toBe(304)
  },
)

test('who asks by the time of the download hears of a revocation at once, and nobody keeps a bundle past its end', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:dated.example.test']))
  expect((await get('roots')).status).toBe(200)
  const downloaded = { 'if-modified-since': new Date(ca.now).toUTCString() }
  await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
  ca.now += 10_000
  expect((await get('roots', downloaded)).status).toBe(200)
  ca.now += 10_000
  expect((await get('roots', { 'if-modified-since': new Date(ca.now).toUTCString() })).status).toBe(304)

  const before = ca.now
  const { nextUpdate } = ca.service.crl.current('intermediate')!
  ca.now = (nextUpdate - 10) * 1000
  const { headers } = await get('roots')
  expect(headers['cache-control']).toMatch(/^max-age=10,/)
  expect(Date.parse(headers.expires as string) / 1000).toBe(nextUpdate)
  ca.now = before
})

describe('a hierarchy that comes along', () => {
  const issuers = async (name: string) =>
    decodePem((await get(name)).text, 'bundle')
      .map(({ der }) => ca.service.authorities.all().find(({ id }) => current(id)?.equals(der))?.id)
      .sort()

  test('below a root that has no CRL yet takes the CRLs of the others from nobody', async () => {
    const { root, crl } = await secondRoot(ca)
    const before = await issuers('roots')
    const { rootPem } = ca
    await newAuthority(ca, 'apart', { root })
    expect(await issuers('roots')).toEqual(before)
    // Envoy trusts no root in whose name it would refuse everybody.
    const trust = await findSecret('roots', { kind: 'admin', id: 'admin:default' }, ca.service)
    expect(trust.content.validation_context?.trusted_ca).toEqual({ inline_string: rootPem })
    expect(root.id).not.toBe('root')
    expectProblem(await get('apart'), 503, 'authorityNotReady', /has no current CRL/)

    const brought = await ca.call(`/v1/authorities/${root.id}/crl`, {
      method: 'PUT',
      body: crl,
      headers: { 'content-type': 'application/x-pem-file' },
    })
    expect(brought.status, brought.text).toBe(200)
    expect(await issuers('roots')).toEqual([...before, root.id, 'apart'].sort())
    expect(await issuers('apart')).toEqual([root.id, 'apart'].sort())
  })

  test('is not missed before its own CRL is made', async () => {
    const { crl, authorities } = ca.service
    const first = { ...authorities.get('intermediate')!, id: 'new' }
    const certificate = { ...first.certificate, der: Buffer.from('new') }
    const all = [...authorities.all(), { ...first, certificate }]
    const ids = bundledAuthorities('roots', all, crl, ca.seconds).map(({ id }) => id)
    expect(ids.sort()).toEqual(
      authorities
        .all()
        .map(({ id }) => id)
        .sort(),
    )
  })
})

test('a bundle that would not be whole is not served', async () => {
  expectProblem(await get('nobody'), 404, 'notFound')
  ca.now += 8 * DAY * 1000
  expectProblem(await get('roots'), 503, 'authorityNotReady', /"intermediate" has no current CRL/)
  ca.now -= 8 * DAY * 1000
  ca.now += 40 * 365 * DAY * 1000
  expectProblem(await get('roots'), 503, 'authorityNotReady', /has expired/)
  ca.now -= 40 * 365 * DAY * 1000
})
