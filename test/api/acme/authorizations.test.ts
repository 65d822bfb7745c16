import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { eventually } from '../../eventually.ts'
import { DAY } from '../ca-fixture.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import type { AcmeClient, Challenge, Reply } from './client.ts'

let acme: AcmeCa
let client: AcmeClient
beforeAll(async () => {
  acme = await AcmeCa.create(
    { validation: { patience: '0s' }, profiles: ['server', 'wild'] },
    { profiles: { wild: { extends: 'server', names: { types: ['dns', 'ip'], dns: { wildcards: true } } } } },
  )
})
beforeEach(async () => {
  client = await acme.client()
})
afterAll(() => acme.close())

async function open(name = 'localhost'): Promise<{ order: Reply; url: string; http: Challenge }> {
  const order = await client.newOrder([name])
  expect(order.json?.status, order.text).toBe('pending')
  const url = order.json.authorizations[0]
  const { json } = await client.authorization(url)
  return { order, url, http: json.challenges.find(({ type }: Challenge) => type === 'http-01') }
}

/** Until nobody is asked about any challenge any more. */
const allTried = () =>
  eventually(async () => expect(await acme.ca.service.store.read.processingAcmeChallenges(0, 10)).toEqual([]))

const types = ({ json }: Reply) => json.challenges.map(({ type }: Challenge) => type)
const statusOf = async (url: string) => (await client.postAsGet(url)).json.status

describe('an authorization (RFC 8555 7.5)', () => {
  test('is nobody else’s, nor are its challenges', async () => {
    const { url, http } = await open()
    const other = await acme.client()
    for (const one of [url, http.url]) {
      await acme.refuses(() => other.postAsGet(one), 403, 'unauthorized')
      await acme.refuses(() => client.postAsGet(one.replace(/[0-9]+$/, '999999')), 404, 'malformed')
    }
    await acme.refuses(() => other.answer(http), 403, 'unauthorized')
    await acme.refuses(() => other.post(url, { status: 'deactivated' }), 403, 'unauthorized')
  })

  test('offers a challenge of each kind, and of each a token of 256 bits', async () => {
    const { url } = await open()
    const reply = await client.authorization(url)
    expect(types(reply)).toEqual(['http-01', 'dns-01', 'tls-alpn-01', 'dns-account-01'])
    for (const { token, status } of reply.json.challenges) {
      expect(token).toMatch(/^[\w-]{43}$/)
      expect(status).toBe('pending')
    }
    expect(reply.json).not.toHaveProperty('wildcard')
  })

  test('of an address offers what can prove one (RFC 8738 4)', async () => {
    const order = await client.newOrder([{ type: 'ip', value: '127.0.0.1' }])
    const reply = await client.authorization(order.json.authorizations[0])
    expect(types(reply)).toEqual(['http-01', 'tls-alpn-01'])
    expect(reply.json.identifier).toEqual({ type: 'ip', value: '127.0.0.1' })
  })

  test('of a wildcard offers DNS alone, and says what it is (7.1.4)', async () => {
    const order = await client.newOrder(['*.example.test', 'example.test'], { profile: 'wild' })
    expect(order.json.identifiers[0]).toEqual({ type: 'dns', value: '*.example.test' })
    const [wild, plain] = await Promise.all(
      order.json.authorizations.map((url: string) => client.authorization(url)),
    )
    expect(types(wild)).toEqual(['dns-01', 'dns-account-01'])
    expect(wild.json).toMatchObject({ wildcard: true, identifier: { type: 'dns', value: 'example.test' } })
    expect(types(plain)).toContain('http-01')
    expect(plain.json).not.toHaveProperty('wildcard')
  })

  test('may be deactivated, and nothing else', async () => {
    const { url } = await open()
    for (const payload of [
      {},
      { status: 'valid' },
      { status: 'revoked' },
      { status: null },
      { status: ['deactivated'] },
    ]) {
      await acme.refuses(() => client.post(url, payload), 400, 'malformed')
    }
    const ended = await client.post(url, { status: 'deactivated', future: 1 })
    expect(ended.json.status).toBe('deactivated')
    expect((await client.post(url, { status: 'deactivated' })).json.status).toBe('deactivated')
  })

  test('that is deactivated takes its open orders with it, and is used for no other (7.5.2)', async () => {
    await client.obtain(['localhost'], csrDer(['dns:localhost']), acme.solve)
    const orders = [await client.newOrder(['localhost']), await client.newOrder(['localhost'])]
    const url = orders[0]!.json.authorizations[0]
    expect(orders.map(({ json }) => json.status)).toEqual(['ready', 'ready'])
    expect(orders[1]!.json.authorizations).toEqual([url])
    await client.post(url, { status: 'deactivated' })
    for (const { headers, json } of orders) {
      expect((await client.postAsGet(String(headers.location))).json).toMatchObject({
        status: 'invalid',
        error: {
          type: 'urn:ietf:params:acme:error:unauthorized',
          detail: expect.stringMatching(/localhost was deactivated/),
          status: 403,
        },
      })
      const csr = csrDer(['dns:localhost'])
      await acme.refuses(() => client.finalize(json.finalize, csr), 403, 'orderNotReady')
    }
    expect((await client.newOrder(['localhost'])).json.status).toBe('pending')
  })

  test('stands in an order where its identifier does, however old it is', async () => {
    await client.authorize(await client.newOrder(['localhost']), acme.solve)
    const order = await client.newOrder(['b.test', 'localhost', 'a.test', '*.b.test'], { profile: 'wild' })
    expect(order.status, order.text).toBe(201)
    const again = await client.postAsGet(String(order.headers.location))
    for (const { json } of [order, again]) {
      const proofs = await Promise.all(json.authorizations.map((url: string) => client.authorization(url)))
      const named = proofs.map(({ json: { identifier, wildcard } }) => [identifier.value, wildcard === true])
      expect(named).toEqual([
        ['b.test', false],
        ['localhost', false],
        ['a.test', false],
        ['b.test', true],
      ])
    }
  })

  test('that is deactivated while it is validated stays so, and nobody is asked any more', async () => {
    const { url, http } = await open()
    acme.answers.set(http.token!, client.keyAuthorization(http.token!))
    await Promise.all([client.answer(http), client.post(url, { status: 'deactivated' })])
    await allTried()
    expect(await statusOf(url)).toBe('deactivated')
    expect((await client.authorization(url)).headers).not.toHaveProperty('retry-after')
    expect((await client.newOrder(['localhost'])).json.status).toBe('pending')
  })

  test('that is valid counts for further orders of its account alone, while it lasts', async () => {
    const { order } = await open()
    await client.authorize(order, acme.solve)
    const again = await client.newOrder(['localhost'])
    expect(again.json).toMatchObject({ status: 'ready', authorizations: order.json.authorizations })
    expect((await (await acme.client()).newOrder(['localhost'])).json.status).toBe('pending')
    acme.ca.now += 30 * DAY * 1000
    client.forgetNonces()
    expect((await client.newOrder(['localhost'])).json.status).toBe('pending')
    expect((await client.authorization(order.json.authorizations[0])).json.status).toBe('expired')
  })

  test('of a name is none of its wildcard, nor the other way round', async () => {
    await client.obtain(['localhost'], csrDer(['dns:localhost']), acme.solve)
    expect((await client.newOrder(['*.localhost'], { profile: 'wild' })).json?.status).not.toBe('ready')
  })
})

describe('a challenge (RFC 8555 7.5.1)', () => {
  test('is shown by POST-as-GET, with the way up, and not begun by it', async () => {
    const { url, http } = await open()
    const reply = await client.postAsGet(http.url)
    expect(reply.json).toEqual(http)
    expect(String(reply.headers.link)).toContain(`<${url}>;rel="up"`)
    expect(acme.asked.has(http.token!)).toBe(false)
    expect(await statusOf(http.url)).toBe('pending')
  })

  test('of an authorization that has ended is refused: it would be pending for ever', async () => {
    const [failed, ended] = [await open('b.test'), await open()]
    const others = await Promise.all(
      [failed, ended].map(async ({ url }) => (await client.authorization(url)).json.challenges[1]),
    )
    await client.answer(failed.http)
    await client.settled(failed.url)
    await client.post(ended.url, { status: 'deactivated' })
    for (const [at, status] of ['invalid', 'deactivated'].entries()) {
      const detail = new RegExp(`is ${status}: .* new order`)
      await acme.refuses(() => client.answer(others[at]), 400, 'malformed', detail)
      expect(await statusOf(others[at].url)).toBe('pending')
    }
    expect((await client.answer(failed.http)).json.status).toBe('invalid')
  })

  test('is begun by an object, with whatever is in it', async () => {
    const { url, http } = await open()
    acme.answers.set(http.token!, client.keyAuthorization(http.token!))
    const begun = await client.post(http.url, { keyAuthorization: 'ignored', future: [1] })
    expect(begun.status).toBe(200)
    expect(begun.json.url).toBe(http.url)
    expect((await client.settled(url)).json.status).toBe('valid')
  })

  test('is looked at once, however often it is begun', async () => {
    const { url, http } = await open()
    acme.answers.set(http.token!, client.keyAuthorization(http.token!))
    const replies = await Promise.all(Array.from({ length: 10 }, () => client.answer(http)))
    expect(replies.map(({ status }) => status)).toEqual(Array(10).fill(200))
    await client.settled(url)
    const after = await client.answer(http)
    expect(after.json).toMatchObject({
      status: 'valid',
      validated: expect.stringMatching(/^[0-9-]{10}T[0-9:]{8}Z$/),
    })
    await allTried()
    expect(acme.asked.get(http.token!)).toBe(1)
  })

  test('that failed stays failed, with the reason, and takes authorization and orders with it', async () => {
    const { order, url, http } = await open()
    await client.answer(http)
    const { json } = await client.settled(url)
    expect(json.status).toBe('invalid')
    // Only the one that settled it.
    expect(json.challenges).toMatchObject([
      {
        ...{ type: 'http-01', status: 'invalid' },
        error: { type: 'urn:ietf:params:acme:error:incorrectResponse', status: 403 },
      },
    ])
    acme.answers.set(http.token!, client.keyAuthorization(http.token!))
    expect((await client.answer(http)).json.status).toBe('invalid')
    const after = await client.postAsGet(String(order.headers.location))
    const error = { detail: expect.stringContaining('404'), status: 403 }
    expect(after.json).toMatchObject({ status: 'invalid', error })
  })

  test('beside one that was met counts no more', async () => {
    const { url } = await open()
    const { challenges } = (await client.authorization(url)).json
    const [http, dns] = challenges
    acme.answers.set(http.token, client.keyAuthorization(http.token))
    await client.answer(http)
    await client.settled(url)
    expect((await client.answer(dns)).json.status).toBe('pending')
    expect((await client.authorization(url)).json.challenges).toHaveLength(1)
    expect(await statusOf(url)).toBe('valid')
  })
})

describe('newAuthz (RFC 8555 7.4.1)', () => {
  const authorize = async (identifier: unknown, fields: object = {}) =>
    client.post((await client.directory()).newAuthz, { identifier, ...fields })

  test('makes an authorization that orders use once it is valid', async () => {
    const made = await authorize({ type: 'dns', value: 'localhost' })
    expect(made.status, made.text).toBe(201)
    const url = String(made.headers.location)
    expect(made.json).toMatchObject({ status: 'pending', identifier: { type: 'dns', value: 'localhost' } })
    expect(made.json).not.toHaveProperty('subdomainAuthAllowed')
    const [http] = made.json.challenges
    acme.answers.set(http.token, client.keyAuthorization(http.token))
    await client.answer(http)
    await client.settled(url)
    expect((await client.newOrder(['localhost'])).json).toMatchObject({
      status: 'ready',
      authorizations: [url],
    })
  })

  test('is not there where orders would not use it (7.1.1)', async () => {
    const anew = await AcmeCa.create({ reuseAuthorizations: false })
    try {
      const holder = await anew.client()
      const directory = await holder.directory()
      expect(directory).not.toHaveProperty('newAuthz')
      const url = directory.newOrder.replace('order', 'authz')
      const asked = await holder.post(url, { identifier: { type: 'dns', value: 'localhost' } })
      expect(asked.status, asked.text).toBe(404)
    } finally {
      await anew.close()
    }
  })

  test('goes by every profile that an order might name', async () => {
    const names = (suffix: string) => ({ names: { dns: { suffixes: [suffix] } } })
    const two = await AcmeCa.create(
      { profiles: ['one', 'two'] },
      {
        profiles: {
          one: { extends: 'server', ...names('a.test') },
          two: { extends: 'server', ...names('b.test') },
        },
      },
    )
    try {
      const holder = await two.client()
      const { newAuthz } = await holder.directory()
      const ask = (value: string) => holder.post(newAuthz, { identifier: { type: 'dns', value } })
      for (const name of ['x.a.test', 'x.b.test']) expect((await ask(name)).status).toBe(201)
      expect((await holder.newOrder(['x.b.test'], { profile: 'two' })).status).toBe(201)
      await two.refuses(() => ask('x.c.test'), 400, 'rejectedIdentifier', /a\.test/)
    } finally {
      await two.close()
    }
  })

  test('refuses what newOrder refuses', async () => {
    for (const identifier of [undefined, null, 7, {}, { type: 'dns' }, { type: 'dns', value: 'a_b' }]) {
      await acme.refuses(() => authorize(identifier), 400, 'malformed')
    }
    await acme.refuses(() => authorize({ type: 'email', value: 'a@b.test' }), 400, 'unsupportedIdentifier')
    await acme.refuses(() => authorize({ type: 'dns', value: '*.a.test' }), 400, 'malformed', /wildcard/)
  })
})
