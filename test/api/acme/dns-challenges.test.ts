import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Answers, type DnsServer, startDnsServer } from '../../acme/validation/dns-server.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import { type AcmeClient, type Challenge, dnsRecord, type Reply } from './client.ts'
import { newAccountKey } from './jws.ts'

const zone: Record<string, Answers> = {}
let dns: DnsServer
let acme: AcmeCa
let client: AcmeClient
beforeAll(async () => {
  dns = await startDnsServer(zone)
  acme = await AcmeCa.create({
    challenges: ['http-01', 'dns-01', 'dns-account-01', 'dns-persist-01'],
    caaIdentities: ['ca.example.test'],
    validation: { resolvers: [dns.address], patience: '0s' },
  })
})
beforeEach(async () => {
  client = await acme.client()
})
afterEach(() => {
  for (const name of Object.keys(zone)) delete zone[name]
})
afterAll(async () => {
  await acme.close()
  await dns.close()
})

const newAuthz = async (identifier: unknown) =>
  client.post((await client.directory()).newAuthz, { identifier })
const challengeOf = ({ json }: Reply, type: string): Challenge =>
  json.challenges.find((one: Challenge) => one.type === type)

/** By dns-01; the authorization as it is then. */
async function prove(url: string, name: string): Promise<Reply> {
  const challenge = challengeOf(await client.authorization(url), 'dns-01')
  zone[`_acme-challenge.${name}`] = { TXT: [dnsRecord(client.keyAuthorization(challenge.token!))] }
  await client.answer(challenge)
  return client.settled(url)
}

describe('dns-account-01', () => {
  test('is met by a record at the account’s label', async () => {
    const order = await client.newOrder(['example.test'])
    const url = order.json.authorizations[0]
    const challenge = challengeOf(await client.authorization(url), 'dns-account-01')
    const bits = BigInt(`0x${createHash('sha256').update(client.kid!).digest('hex').slice(0, 20)}`)
    const fives = bits.toString(2).padStart(80, '0').match(/.{5}/g)!
    const label = fives.map((five) => 'abcdefghijklmnopqrstuvwxyz234567'[Number.parseInt(five, 2)]).join('')
    const records = { TXT: [dnsRecord(client.keyAuthorization(challenge.token!))] }
    zone[`_${label}._acme-challenge.example.test`] = records
    await client.answer(challenge)
    expect((await client.settled(url)).json.status).toBe('valid')
  })
})

describe('subdomains (RFC 9444)', () => {
  const wide = { type: 'dns', value: 'example.test', subdomainAuthAllowed: true }

  test('are offered in the directory, unless no challenge is that could prove them', async () => {
    expect((await client.directory()).meta.subdomainAuthAllowed).toBe(true)
    const narrow = await AcmeCa.create({ challenges: ['http-01', 'tls-alpn-01'] })
    try {
      const one = await narrow.client()
      const { meta, newAuthz: url } = await one.directory()
      expect(meta.subdomainAuthAllowed).toBe(false)
      await narrow.refuses(() => one.post(url, { identifier: wide }), 400, 'rejectedIdentifier')
      const name = { type: 'dns', value: 'a.example.test', ancestorDomain: 'example.test' }
      await narrow.refuses(() => one.newOrder([name]), 400, 'rejectedIdentifier', /\*\.example\.test/)
      const wild = await narrow.refuses(() => one.newOrder(['*.a.test', 'a.test']), 400, 'rejectedIdentifier')
      expect(wild.json.subproblems).toMatchObject([{ identifier: { type: 'dns', value: '*.a.test' } }])
    } finally {
      await narrow.close()
    }
  })

  test('are covered by an authorization of the domain above that allows it, and by no other', async () => {
    const narrow = await newAuthz({ type: 'dns', value: 'example.test' })
    await prove(String(narrow.headers.location), 'example.test')
    expect((await client.newOrder(['a.example.test'])).json.status).toBe('pending')
    const made = await newAuthz(wide)
    expect(made.json.subdomainAuthAllowed).toBe(true)
    await prove(String(made.headers.location), 'example.test')
    const names = ['a.example.test', 'b.a.example.test', 'example.test']
    const order = await client.newOrder(names)
    expect(order.json.status).toBe('ready')
    const csr = csrDer(names.map((name) => `dns:${name}`))
    const done = await client.finalize(order.json.finalize, csr)
    expect(done.json.status, done.text).toBe('valid')
    for (const name of ['notexample.test', 'a.notexample.test', 'test', 'example.test.b']) {
      expect((await client.newOrder([name])).json.status).toBe('pending')
    }
  })

  test('are proven by DNS alone: a web server at the top answers for no other host', async () => {
    const made = await newAuthz(wide)
    const types = made.json.challenges.map(({ type }: Challenge) => type)
    expect(types).toEqual(['dns-01', 'dns-account-01', 'dns-persist-01'])
    const one = await newAuthz({ type: 'dns', value: 'example.test' })
    expect(challengeOf(one, 'http-01')).toBeDefined()
  })

  test('may be proven by the ancestor that the order names, once for all of them', async () => {
    const names = ['c.example.test', 'd.example.test'].map((value) => ({
      ...{ type: 'dns', value, ancestorDomain: 'example.test' },
    }))
    const order = await client.newOrder(names)
    expect(order.json.identifiers).toEqual([
      { type: 'dns', value: 'c.example.test' },
      { type: 'dns', value: 'd.example.test' },
    ])
    expect(order.json.authorizations).toHaveLength(1)
    const [url] = order.json.authorizations
    expect((await prove(url, 'example.test')).json).toMatchObject({
      ...{ status: 'valid', subdomainAuthAllowed: true },
      identifier: { type: 'dns', value: 'example.test' },
    })
    const csr = csrDer(['dns:c.example.test', 'dns:d.example.test'])
    const done = await client.finalize(order.json.finalize, csr)
    expect(done.json.status, done.text).toBe('valid')
  })

  test('count for names at most 20 labels below, or where the order names the domain', async () => {
    const made = await newAuthz(wide)
    await prove(String(made.headers.location), 'example.test')
    const below = (labels: number) => `${'a.'.repeat(labels)}example.test`
    const statusOf = async (one: unknown) => (await client.newOrder([one as string])).json.status
    expect(await statusOf(below(20))).toBe('ready')
    expect(await statusOf(below(21))).toBe('pending')
    const named = { type: 'dns', value: below(21), ancestorDomain: 'example.test' }
    expect(await statusOf(named)).toBe('ready')
  })

  test('what is proven for one of the names below an ancestor counts for no other of them', async () => {
    const own = await client.newOrder(['f.example.test'])
    await prove(own.json.authorizations[0], 'f.example.test')
    const below = (value: string) => ({ type: 'dns', value, ancestorDomain: 'example.test' })
    for (const labels of ['ef', 'fe', 'efg']) {
      const names = [...labels].map((label) => `${label}.example.test`)
      const { json } = await client.newOrder(names.map(below))
      expect(json.status, labels).toBe('pending')
      const shown = await Promise.all(json.authorizations.map((url: string) => client.authorization(url)))
      const proofs = shown.map((one) => `${one.json.identifier.value} ${one.json.status}`)
      expect(proofs.toSorted()).toEqual(['example.test pending', 'f.example.test valid'])
      const csr = csrDer(names.map((name) => `dns:${name}`))
      await acme.refuses(() => client.finalize(json.finalize, csr), 403, 'orderNotReady')
    }
  })

  test.each([
    ['itself', 'a.test', 'a.test'],
    ['below it', 'a.test', 'b.a.test'],
    ['beside it', 'a.test', 'b.test'],
    ['a part of a label', 'ba.test', 'a.test'],
    ['no name', 'a.test', 'te_st'],
    ['no text', 'a.test', 7],
    ['a wildcard', 'a.test', '*.test'],
  ])('an ancestor that is %s is malformed', async (_, value, ancestorDomain) => {
    const name = { type: 'dns', value, ancestorDomain }
    await acme.refuses(() => client.newOrder([name as never]), 400, 'malformed')
  })

  test('an address has no ancestor, and nothing below it', async () => {
    const name = { type: 'ip', value: '127.0.0.1', ancestorDomain: 'example.test' }
    await acme.refuses(() => client.newOrder([name]), 400, 'malformed')
    const made = await newAuthz({ type: 'ip', value: '127.0.0.1', subdomainAuthAllowed: true })
    expect(made.json).not.toHaveProperty('subdomainAuthAllowed')
  })
})

describe('policy holds for each name below an ancestor', () => {
  let strict: AcmeCa
  beforeAll(async () => {
    strict = await AcmeCa.create(
      { profiles: ['web'], validation: { resolvers: [dns.address] } },
      {
        profiles: { web: { extends: 'server', names: { types: ['dns'], dns: { suffixes: ['web.test'] } } } },
      },
    )
  })
  afterAll(() => strict.close())

  test('whatever the ancestor is', async () => {
    const one = await strict.client()
    const order = (value: string) => one.newOrder([{ type: 'dns', value, ancestorDomain: 'test' } as never])
    await strict.refuses(() => order('a.test'), 400, 'rejectedIdentifier')
    expect((await order('a.web.test')).status).toBe(201)
    const { newAuthz: url } = await one.directory()
    const identifier = { type: 'dns', value: 'test', subdomainAuthAllowed: true }
    await strict.refuses(() => one.post(url, { identifier }), 400, 'rejectedIdentifier')
  })
})

describe('dns-persist-01 (draft-ietf-acme-dns-persist-02)', () => {
  /** 4.1: what a record says of the account. */
  const accountUri = async (name: string, thumbprint = client.key.thumbprint) => {
    const { meta } = await client.directory()
    const hash = createHash('sha256')
    hash.update(Buffer.from([name.length])).update(name + thumbprint + client.kid)
    return `${meta.accountHashPrefix}sha-256/${hash.digest('base64url')}`
  }
  const attempt = async (order: Reply): Promise<Reply> => {
    const [url] = order.json.authorizations
    await client.answer(challengeOf(await client.authorization(url), 'dns-persist-01'))
    return client.settled(url)
  }

  test('is met by a record that names an earlier key of the account (4.2)', async () => {
    const record = `ca.example.test; accounturi=${await accountUri('*')}`
    zone['_validation-persist.example.test'] = { TXT: [record] }
    for (const next of [newAccountKey(), newAccountKey()]) {
      const { kid } = client
      expect((await client.keyChange(next)).status).toBe(200)
      client = acme.stranger(next)
      client.kid = kid
    }
    expect((await attempt(await client.newOrder(['example.test']))).json.status).toBe('valid')
  })

  test('proves names below only with policy=wildcard (5)', async () => {
    const record = `ca.example.test; accounturi=${await accountUri('example.test')}`
    const name = { type: 'dns', value: 'a.example.test', ancestorDomain: 'example.test' }
    for (const [text, status] of [
      [record, 'invalid'],
      [`${record}; policy=wildcard`, 'valid'],
    ] as const) {
      zone['_validation-persist.example.test'] = { TXT: [text] }
      const settled = await attempt(await client.newOrder([name]))
      expect(settled.json.status, settled.text).toBe(status)
    }
  })

  test('ends its authorization and order when the record ends (persistUntil)', async () => {
    const until = acme.ca.seconds + 600
    const record = `ca.example.test; accounturi=${await accountUri('example.test')}; persistUntil=${until}`
    zone['_validation-persist.example.test'] = { TXT: [record] }
    const order = await client.newOrder(['example.test'])
    await attempt(order)
    acme.ca.now += 601_000
    client.forgetNonces()
    expect((await client.authorization(order.json.authorizations[0])).json.status).toBe('expired')
    const csr = csrDer(['dns:example.test'])
    await acme.refuses(() => client.finalize(order.json.finalize, csr), 403, 'orderNotReady')
  })
})
