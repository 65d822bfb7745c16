import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Answers, type DnsServer, startDnsServer } from '../../acme/validation/dns-server.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import { type AcmeClient, type Challenge, dnsRecord, type Identifier, type Reply } from './client.ts'

const zone: Record<string, Answers> = {}
let dns: DnsServer
let acme: AcmeCa
beforeAll(async () => {
  dns = await startDnsServer(zone)
  acme = await AcmeCa.create({
    caa: true,
    caaIdentities: ['ca.example.test'],
    validation: { resolvers: [dns.address], patience: '0s' },
  })
})
afterEach(() => {
  for (const name of Object.keys(zone)) delete zone[name]
})
afterAll(async () => {
  await acme.close()
  await dns.close()
})

/** Proven by dns-01 at example.test; the order as it is then. */
async function proven(client: AcmeClient, name: string | Identifier): Promise<Reply> {
  const order = await client.newOrder([name])
  const [url] = order.json.authorizations
  const { challenges } = (await client.authorization(url)).json
  const challenge: Challenge = challenges.find(({ type }: Challenge) => type === 'dns-01')
  zone['_acme-challenge.example.test'] = { TXT: [dnsRecord(client.keyAuthorization(challenge.token!))] }
  await client.answer(challenge)
  await client.settled(url)
  return client.postAsGet(String(order.headers.location))
}

const allow = (value: string) => {
  zone['example.test'] = { CAA: [[0, 'issue', value]] }
}

test('a name whose CAA records name this CA, the account and the method is certified (RFC 8659, 8657)', async () => {
  const client = await acme.client()
  allow(`ca.example.test; accounturi=${client.kid}; validationmethods=dns-01`)
  const order = await proven(client, 'example.test')
  const done = await client.finalize(order.json.finalize, csrDer(['dns:example.test']))
  expect(done.json.status, done.text).toBe('valid')
})

test.each([
  ['another CA', 'other.test'],
  ['another account', 'ca.example.test; accounturi=https://localhost:80/acme/account/999'],
  ['another method', 'ca.example.test; validationmethods=http-01'],
])('records for %s end the authorization as "caa"', async (_, value) => {
  allow(value)
  const client = await acme.client()
  const { json } = await proven(client, 'example.test')
  expect(json).toMatchObject({ status: 'invalid', error: { type: 'urn:ietf:params:acme:error:caa' } })
})

test('CAA is asked for again at finalize after eight hours, and the order waits for better records', async () => {
  const client = await acme.client()
  const order = await proven(client, 'example.test')
  expect(order.json.status).toBe('ready')
  allow('other.test')
  acme.ca.now += 8 * 3600_000
  client.forgetNonces()
  const csr = csrDer(['dns:example.test'])
  await acme.refuses(() => client.finalize(order.json.finalize, csr), 403, 'caa', /other\.test/)
  allow('ca.example.test')
  expect((await client.finalize(order.json.finalize, csr)).json.status).toBe('valid')
})

test('CAA is asked for again where the proof is of a clock that was ahead', async () => {
  acme.ca.now += 30 * 86_400_000
  const client = await acme.client()
  const order = await proven(client, 'example.test')
  expect(order.json.status).toBe('ready')
  acme.ca.now -= 30 * 86_400_000
  client.forgetNonces()
  allow('other.test')
  const csr = csrDer(['dns:example.test'])
  await acme.refuses(() => client.finalize(order.json.finalize, csr), 403, 'caa', /other\.test/)
})

test('CAA is asked for again after a start, which may be with other names of this CA', async () => {
  const caaIdentities = ['old.example.test']
  const renamed = await AcmeCa.create({
    ...{ caa: true, caaIdentities },
    validation: { resolvers: [dns.address], patience: '0s' },
  })
  try {
    allow('old.example.test')
    const client = await renamed.client()
    const order = await proven(client, 'example.test')
    expect(order.json.status).toBe('ready')
    caaIdentities[0] = 'new.example.test'
    renamed.ca.now += 1000
    await renamed.ca.reopen()
    client.forgetNonces()
    const csr = csrDer(['dns:example.test'])
    await renamed.refuses(() => client.finalize(order.json.finalize, csr), 403, 'caa', /new\.example\.test/)
  } finally {
    await renamed.close()
  }
})

test('the records of a name itself count, though a domain above it was proven', async () => {
  const client = await acme.client()
  const name = { type: 'dns', value: 'a.example.test', ancestorDomain: 'example.test' }
  const order = await proven(client, name)
  expect(order.json.status).toBe('ready')
  zone['a.example.test'] = { CAA: [[0, 'issue', 'other.test']] }
  const csr = csrDer(['dns:a.example.test'])
  const refused = await acme.refuses(() => client.finalize(order.json.finalize, csr), 403, 'caa')
  expect(refused.json.subproblems).toMatchObject([
    { type: refused.json.type, identifier: { type: 'dns', value: 'a.example.test' } },
  ])
})

test('names whose DNS says nothing are not all asked about at once, and the first failure ends the others', async () => {
  const names = Array.from({ length: 50 }, (_, n) => `n${n}.example.test`)
  const slow = await AcmeCa.create({
    caa: true,
    caaIdentities: ['ca.example.test'],
    validation: { resolvers: [dns.address], patience: '0s', timeout: '1s', concurrency: 2 },
  })
  try {
    const client = await slow.client()
    const first = { type: 'dns', value: 'n0.example.test', ancestorDomain: 'example.test' }
    await proven(client, first)
    for (const name of names) zone[name] = { CAA: 'silence' }
    const order = await client.newOrder(names)
    expect(order.json.status, order.text).toBe('ready')
    await slow.refuses(
      () => client.finalize(order.json.finalize, csrDer(names.map((name) => `dns:${name}`))),
      400,
      'dns',
    )
    expect(new Set(dns.queries.filter((query) => /CAA n\d+\.example/.test(query))).size).toBe(2)
  } finally {
    await slow.close()
  }
})
