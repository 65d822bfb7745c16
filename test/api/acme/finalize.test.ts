import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { CaError } from '../../../src/errors.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { integer } from '../../../src/pki/der/write.ts'
import { buildCsr, commonName } from '../../pki/csr/building.ts'
import { csrDer, newKey } from '../requests.ts'
import { AcmeCa, expectRefusal } from './acme-ca.ts'
import type { AcmeClient, Reply } from './client.ts'
import { base64url } from './jws.ts'

let acme: AcmeCa
let client: AcmeClient
let order: Reply
beforeAll(async () => {
  acme = await AcmeCa.create()
})
beforeEach(async () => {
  client = await acme.client()
  await client.obtain(['localhost'], csrDer(['dns:localhost']), acme.solve)
  order = await client.newOrder(['localhost'])
  expect(order.json.status).toBe('ready')
})
afterEach(() => {
  vi.restoreAllMocks()
})
afterAll(() => acme.close())

const statusOf = async () => (await client.postAsGet(String(order.headers.location))).json.status

/** The order is ready, and stays so: a right CSR gets the certificate afterwards. */
async function refuses(csr: Buffer, detail?: RegExp): Promise<void> {
  await acme.refuses(() => client.finalize(order.json.finalize, csr), 400, 'badCSR', detail)
  expect(await statusOf()).toBe('ready')
}

describe('a badCSR (RFC 8555 7.4) is', () => {
  test.each<[string, string[], string | undefined, RegExp]>([
    ['one with another name', ['dns:other.test'], undefined, /lacks dns:localhost.*no dns:other\.test/],
    ['one with a name more', ['dns:localhost', 'dns:other.test'], undefined, /no dns:other\.test/],
    ['one with an address more', ['dns:localhost', 'ip:127.0.0.1'], undefined, /no ip:127/],
    ['one with an e-mail address more', ['dns:localhost', 'email:a@example.test'], undefined, /email/],
    ['one with a URI more', ['dns:localhost', 'uri:spiffe://example.test/a'], undefined, /uri/],
    ['one with a wildcard instead', ['dns:*.localhost.test'], undefined, /lacks dns:localhost/],
    ['one without names', [], undefined, /lacks/],
    ['one whose common name is not in the order', ['dns:localhost'], 'other.test', /no dns:other\.test/],
    ['one whose common name is no name', ['dns:localhost'], 'a b', /common name/],
  ])('%s', async (_, names, commonName, detail) => {
    await refuses(csrDer(names, commonName === undefined ? {} : { commonName }), detail)
  })

  test('one that lacks a name of the order', async () => {
    const two = await client.newOrder(['localhost', { type: 'ip', value: '127.0.0.1' }])
    await client.authorize(two, acme.solve)
    const send = (names: string[]) => client.finalize(two.json.finalize, csrDer(names))
    await acme.refuses(() => send(['dns:localhost']), 400, 'badCSR', /lacks ip:127\.0\.0\.1/)
    await acme.refuses(() => send(['ip:127.0.0.1']), 400, 'badCSR', /lacks dns:localhost/)
    expect((await send(['ip:127.0.0.1', 'dns:localhost'])).json.status).toBe('valid')
  })

  test('one with the key of the account (11.1)', async () => {
    await refuses(csrDer(['dns:localhost'], { key: client.key.privateKey }), /account/)
  })

  test('one whose signature is wrong', async () => {
    const csr = csrDer(['dns:localhost'])
    csr[csr.length - 5]! ^= 1
    await refuses(csr, /signature/i)
  })

  test('one whose key is weak, or of a kind that the profile does not take', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 1024 })
    await refuses(buildCsr({ key: privateKey }), /1024 bits/)
    await refuses(csrDer(['dns:localhost'], { key: newKey('secp256k1') }), /secp256k1/)
  })

  test.each<[string, (der: Buffer) => Buffer]>([
    ['garbage', () => Buffer.from('garbage')],
    ['cut short', (der) => der.subarray(0, -1)],
    ['followed by something', (der) => Buffer.concat([der, Buffer.from([0])])],
    ['PEM', (der) => Buffer.from(`-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n`)],
    ['a certificate', () => acme.ca.service.authorities.issuing().certificate.der],
    ['70,000 octets', () => Buffer.alloc(70_000, 0x30)],
  ])('%s', async (_, made) => {
    await refuses(made(csrDer(['dns:localhost'])))
  })

  test('none at all, or one that is not base64url', async () => {
    const csr = csrDer(['dns:localhost'])
    for (const given of [
      undefined,
      null,
      7,
      '',
      `${csr.toString('base64')}==`,
      `${base64url(csr)}===`,
      `=${base64url(csr)}`,
      [base64url(csr)],
    ]) {
      await acme.refuses(() => client.post(order.json.finalize, { csr: given }), 400, 'badCSR')
    }
    await acme.refuses(() => client.postAsGet(order.json.finalize), 400, 'malformed', /payload/)
    expect(await statusOf()).toBe('ready')
  })
})

describe('a right CSR', () => {
  test('may have the name as common name too, in any case, or there alone', async () => {
    for (const csr of [
      csrDer(['dns:localhost'], { commonName: 'LocalHost' }),
      csrDer([], { commonName: 'localhost' }),
    ]) {
      const one = await client.newOrder(['localhost'])
      const done = await client.finalize(one.json.finalize, csr)
      expect(done.json.status, done.text).toBe('valid')
      const { text } = await client.download(done.json.certificate)
      expect(new X509Certificate(text).subjectAltName).toBe('DNS:localhost')
    }
  })

  test('may have the padding of base64, as the NAS of Synology sends it', async () => {
    let der: Buffer
    do der = csrDer(['dns:localhost'])
    while (der.length % 3 === 0)
    const csr = base64url(der) + '='.repeat(3 - (der.length % 3))
    const done = await client.post(order.json.finalize, { csr })
    expect(done.json.status, done.text).toBe('valid')
  })

  test.each([1, 2])('may have version %i, as clients wrote for years', async (version) => {
    const csr = buildCsr({ key: newKey(), version: integer(version), subject: commonName('localhost') })
    const done = await client.finalize(order.json.finalize, csr)
    expect(done.json.status, done.text).toBe('valid')
  })

  test('has the key that the certificate has', async () => {
    const csr = csrDer(['dns:localhost'])
    const done = await client.finalize(order.json.finalize, csr)
    const { text } = await client.download(done.json.certificate)
    const spki = new X509Certificate(text).publicKey.export({ type: 'spki', format: 'der' })
    expect(spki).toEqual(Buffer.from(parseCsr(csr).publicKey.spki))
  })
})

describe('an order', () => {
  test('is finalised once: again, it is not ready, and keeps its certificate', async () => {
    const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    const again = () => client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    await acme.refuses(again, 403, 'orderNotReady', /certificate already/)
    expect((await client.postAsGet(String(order.headers.location))).json).toEqual(done.json)
  })

  test('that is finalised by many requests at once gets one certificate', async () => {
    const before = (await acme.ca.inventory()).length
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => client.finalize(order.json.finalize, csrDer(['dns:localhost']))),
    )
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
    for (const reply of replies.filter(({ status }) => status !== 200)) {
      expectRefusal(reply, 403, 'orderNotReady', /certificate already/)
    }
    expect(await acme.ca.inventory()).toHaveLength(before + 1)
  })

  test('that is pending is not ready', async () => {
    const pending = await client.newOrder(['other.test'])
    const csr = csrDer(['dns:other.test'])
    await acme.refuses(
      () => client.finalize(pending.json.finalize, csr),
      403,
      'orderNotReady',
      /pending|authorizations/,
    )
  })

  test('whose authorization is deactivated meanwhile gets no certificate, and hears why', async () => {
    const [ended, done] = await Promise.all([
      client.post(order.json.authorizations[0], { status: 'deactivated' }),
      client.finalize(order.json.finalize, csrDer(['dns:localhost'])),
    ])
    expect(ended.json.status).toBe('deactivated')
    const made = done.status === 200
    if (!made) expectRefusal(done, 403, 'orderNotReady', /failed or expired/)
    expect(await statusOf()).toBe(made ? 'valid' : 'invalid')
  })

  test('is ready still where the store fails, and the client is asked to come again', async () => {
    const { store } = acme.ca.service
    const write = store.write.bind(store)
    vi.spyOn(store, 'write').mockImplementation(((command: string, input: never) =>
      command === 'recordIssuance'
        ? Promise.reject(new CaError('storeFailed', 'The database cannot be written.'))
        : write(command as never, input)) as never)
    const csr = csrDer(['dns:localhost'])
    const failed = await acme.refuses(() => client.finalize(order.json.finalize, csr), 503, 'serverInternal')
    expect(failed.headers['retry-after']).toBe('5')
    expect(await statusOf()).toBe('ready')
    vi.restoreAllMocks()
    expect((await client.finalize(order.json.finalize, csr)).json.status).toBe('valid')
  })

  test('says nothing of a fault of the server, which is logged', async () => {
    const { store } = acme.ca.service
    vi.spyOn(store, 'write').mockRejectedValue(new Error('a secret'))
    const reply = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    expectRefusal(reply, 500, 'serverInternal', /^Internal error\.$/)
    expect(acme.ca.log.join('')).toContain('a secret')
  })
})

describe('a certificate', () => {
  test('is handed to its account alone, by POST-as-GET', async () => {
    const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    const url = done.json.certificate
    const other = await acme.client()
    await acme.refuses(() => other.download(url), 403, 'unauthorized')
    await acme.refuses(() => client.post(url, {}), 400, 'malformed')
    for (const wrong of [
      `${url}0`,
      `${url}/1`,
      `${url}/x`,
      `${url}/-1`,
      url.replace(/[^/]+$/, 'zz'),
      url
        .toUpperCase()
        .replace('HTTPS://LOCALHOST:80/ACME/CERTIFICATE', 'https://localhost:80/acme/certificate'),
    ]) {
      if (wrong === url) continue
      await acme.refuses(() => client.download(wrong), 404, 'malformed')
    }
    expect((await client.download(url)).text).toMatch(
      /^(-----BEGIN CERTIFICATE-----\n[^-]+-----END CERTIFICATE-----\n){2}$/,
    )
  })

  test('of another way of enrolment has no address in ACME', async () => {
    const { serialNumber } = await acme.ca.enrol(
      `-----BEGIN CERTIFICATE REQUEST-----\n${csrDer(['dns:localhost']).toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`,
    )
    const url = `${new URL(client.kid!).origin}/acme/certificate/${serialNumber}`
    await acme.refuses(() => client.download(url), 404, 'malformed')
  })
})
