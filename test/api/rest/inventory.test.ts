import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certsOnly } from '../../../src/pki/bundle/pkcs7.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
const serials: Record<string, string> = {}
const times: Record<string, string> = {}

/** One certificate an hour, of every kind that a search tells apart. */
beforeAll(async () => {
  ca = await TestCa.create()
  const { id, token } = await ca.token({ names: { dns: ['token.example.test'] }, ttl: '30d' })
  times.tokenId = String(id)
  const wishes: [string, string, Record<string, unknown>, string?][] = [
    ['valid', 'dns:valid.example.test', {}],
    ['expired', 'dns:expired.example.test', { validity: '1m' }],
    ['held', 'dns:held.example.test', {}],
    ['revoked', 'dns:revoked.example.test', {}],
    ['client', 'uri:spiffe://example.test/a', { profile: 'client', validity: '10d' }],
    ['address', 'ip:2001:db8::1', {}],
    ['token', 'dns:token.example.test', {}, token],
    ['other', 'dns:a.b.other.test', {}],
  ]
  for (const [label, name, wish, as] of wishes) {
    times[label] = ca.clock().toISOString()
    serials[label] = (await ca.enrol(csrPem([name]), wish, as ? { as } : {})).serialNumber
    ca.now += 3_600_000
  }
  await ca.call(`/v1/certificates/${serials.held}/revoke`, { body: { reason: 'certificateHold' } })
  await ca.call(`/v1/certificates/${serials.revoked}/revoke`, { body: {} })
})
afterAll(() => ca.close())

async function find(query: Record<string, string>): Promise<string[]> {
  const answer = await ca.call(`/v1/certificates?${new URLSearchParams(query)}`)
  expect(answer.status, answer.text).toBe(200)
  const labels = new Map(Object.entries(serials).map(([label, serial]) => [serial, label]))
  return answer.json.certificates.map(
    ({ serialNumber }: { serialNumber: string }) => labels.get(serialNumber)!,
  )
}

describe('a search', () => {
  test.for<[Record<string, string>, string[]]>([
    [{ name: 'valid.example.test' }, ['valid']],
    [{ name: 'VALID.example.test' }, ['valid']],
    [{ name: 'example.test' }, []],
    [{ name: '*.example.test' }, ['valid', 'expired', 'held', 'revoked', 'token']],
    [{ name: '*.other.test' }, ['other']],
    [{ name: '2001:db8::1' }, ['address']],
    [{ name: '2001:0DB8:0:0:0:0:0:1' }, ['address']],
    [{ name: 'ip:2001:db8::1' }, ['address']],
    [{ name: 'dns:valid.example.test' }, ['valid']],
    [{ name: 'no name' }, []],
    [{ name: 'spiffe://example.test/a' }, ['client']],
    [{ text: 'ther.t' }, ['other']],
    [{ text: 'LID.EX' }, ['valid']],
    [{ text: '%' }, []],
    [{ text: 'example', state: 'held' }, ['held']],
    [{ state: 'expired' }, ['expired']],
    [{ state: 'held' }, ['held']],
    [{ state: 'revoked' }, ['revoked']],
    [{ state: 'valid', name: '*.example.test' }, ['valid', 'token']],
    [{ profile: 'client' }, ['client']],
    [{ profile: 'nonsense' }, []],
    [{ authority: 'root' }, []],
    [{ principal: 'admin:default', name: '*.example.test' }, ['valid', 'expired', 'held', 'revoked']],
  ])('for %o', async ([query, wanted]) => {
    expect((await find(query)).sort()).toEqual([...wanted].sort())
  })

  test('by token, by the start of the serial number, by times', async () => {
    expect(await find({ principal: `token:${times.tokenId}` })).toEqual(['token'])
    const colons = serials.held!.slice(0, 8).toUpperCase().match(/../g)!.join(':')
    expect(await find({ serialNumber: colons })).toEqual(['held'])
    expect((await find({ issuedAfter: times.address! })).sort()).toEqual(['address', 'other', 'token'])
    expect((await find({ issuedBefore: times.held! })).sort()).toEqual(['expired', 'valid'])
    const soon = new Date(ca.now + 11 * DAY * 1000).toISOString()
    expect(await find({ expiresBefore: soon, expiresAfter: ca.clock().toISOString() })).toEqual(['client'])
  })

  test('by pages finds each once, the newest first, also while more are issued', async () => {
    const all = await find({ limit: '1000' })
    expect(all).toEqual(Object.keys(serials).reverse())
    const seen: string[] = []
    let after: string | null = null
    do {
      const { json } = await ca.call(
        `/v1/certificates?${new URLSearchParams({ limit: '3', ...(after ? { after } : {}) })}`,
      )
      seen.push(...json.certificates.map(({ serialNumber }: { serialNumber: string }) => serialNumber))
      after = json.next
      await ca.enrol(csrPem(['dns:meanwhile.example.test']))
    } while (after)
    expect(seen).toEqual(all.map((label) => serials[label]))
  })

  test.for([
    'limit=0',
    'limit=1001',
    'limit=ten',
    'limit=-1',
    'state=good',
    'after=nonsense',
    'after=%00',
    `after=${Buffer.from('[1,2]').toString('base64url')}`,
    'serialNumber=xyz',
    'serialNumber=0x40',
    'issuedBefore=yesterday',
    'unknown=1',
    'name=',
    'profile=a&profile=b',
    'name[]=a',
  ])('is refused with %s', async (query) => {
    expectProblem(await ca.call(`/v1/certificates?${query}`), 400, 'malformedRequest')
  })
})

describe('one certificate', () => {
  test('is given as DER, as PEM with its chain, and as PKCS #7, to who accepts nothing else', async () => {
    const path = `/v1/certificates/${serials.valid}`
    const { json } = await ca.call(path)
    const as = (accept: string) => ca.call(path, { headers: { accept } })
    const der = await as('application/pkix-cert')
    expect(der.headers['content-type']).toBe('application/pkix-cert')
    expect(new X509Certificate(der.body).toString()).toBe(json.certificate)
    const pem = await as('application/pem-certificate-chain')
    expect(pem.text).toBe([json.certificate, ...json.chain].join(''))
    const pkcs7 = await as('application/pkcs7-mime; smime-type=certs-only')
    expect(pkcs7.headers['content-type']).toBe('application/pkcs7-mime')
    expect(pkcs7.body).toEqual(
      certsOnly([json.certificate, ...json.chain].map((text: string) => new X509Certificate(text).raw)),
    )
    for (const accept of [
      '*/*',
      'application/json',
      'application/json, application/pkix-cert',
      'constructor',
    ])
      expect((await as(accept)).json).toEqual(json)
  })

  test('is found by its serial number in any form', async () => {
    const serial = serials.revoked!
    const forms = [
      serial.toUpperCase(),
      serial.match(/../g)!.join(':'),
      serial.match(/../g)!.join('%3A'),
      `0000${serial}`,
    ]
    for (const form of forms) {
      expect((await ca.call(`/v1/certificates/${form}`)).json).toMatchObject({
        serialNumber: serial,
        state: 'revoked',
      })
    }
  })

  test.for([`0x${'40'.repeat(5)}`, 'g0', '40'.repeat(21), '4 0', '-5', '%00', '1e5.'])(
    'is refused as %s',
    async (form) => {
      const answer = await ca.call(`/v1/certificates/${encodeURI(form)}`)
      expectProblem(answer, 400, 'malformedRequest')
    },
  )

  test('that does not exist is 404', async () => {
    expectProblem(
      await ca.call(`/v1/certificates/${'41'.repeat(20)}`),
      404,
      'notFound',
      /No certificate has the serial number/,
    )
  })

  test('expires with its last second', async () => {
    const { serialNumber, notAfter } = await ca.enrol(csrPem(['dns:edge.example.test']), { validity: '5m' })
    const state = async () => (await ca.call(`/v1/certificates/${serialNumber}`)).json.state
    ca.now = Date.parse(notAfter)
    expect(await state()).toBe('valid')
    ca.now += 1000
    expect(await state()).toBe('expired')
  })
})
