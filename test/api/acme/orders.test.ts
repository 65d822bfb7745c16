import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { rfc3339 } from '../../../src/clock.ts'
import { DAY } from '../ca-fixture.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa } from './acme-ca.ts'
import type { AcmeClient, Identifier } from './client.ts'

let acme: AcmeCa
let client: AcmeClient
beforeAll(async () => {
  acme = await AcmeCa.create(
    { profiles: ['server', 'web'] },
    {
      profiles: {
        web: {
          extends: 'server',
          validity: { default: '1d', maximum: '2d' },
          names: { types: ['dns'], dns: { suffixes: ['web.test'], wildcards: true } },
        },
      },
    },
  )
})
beforeEach(async () => {
  client = await acme.client()
})
afterAll(() => acme.close())

/** Lets so many seconds go by, in which nonces expire. */
function pass(seconds: number): void {
  acme.ca.now += seconds * 1000
  client.forgetNonces()
}

const at = (seconds: number) => rfc3339(Math.floor(acme.ca.seconds) + seconds)

describe('newOrder (RFC 8555 7.4)', () => {
  test('is answered with 201, the address of the order, and no certificate', async () => {
    const order = await client.newOrder(['localhost', { type: 'ip', value: '127.0.0.1' }, 'LOCALHOST'])
    expect(order.status, order.text).toBe(201)
    expect(order.headers.location).toMatch(/\/acme\/order\/[0-9]+$/)
    expect(order.json).toEqual({
      status: 'pending',
      expires: at(DAY),
      identifiers: [
        { type: 'dns', value: 'localhost' },
        { type: 'ip', value: '127.0.0.1' },
      ],
      authorizations: [expect.any(String), expect.any(String)],
      finalize: `${order.headers.location}/finalize`,
    })
    expect((await client.postAsGet(String(order.headers.location))).json).toEqual(order.json)
  })

  test.each([
    ['no list', 'localhost'],
    ['an empty list', []],
    ['a list of texts', ['localhost']],
    ['null', [null]],
    ['an identifier without a value', [{ type: 'dns' }]],
    ['an identifier whose value is no text', [{ type: 'dns', value: 7 }]],
    ['more than a thousand', Array.from({ length: 1001 }, (_, i) => ({ type: 'dns', value: `a${i}.test` }))],
  ])('%s instead of identifiers is malformed', async (_, identifiers) => {
    const { newOrder } = await client.directory()
    await acme.refuses(() => client.post(newOrder, { identifiers }), 400, 'malformed')
  })

  test('more names than the profile takes are malformed', async () => {
    const names = Array.from({ length: 101 }, (_, index) => `a${index}.test`)
    await acme.refuses(() => client.newOrder(names), 400, 'malformed', /at most 100/)
  })

  test.each<[string, Identifier]>([
    ['unsupportedIdentifier', { type: 'email', value: 'a@example.test' }],
    ['unsupportedIdentifier', { type: 'DNS', value: 'localhost' }],
    ['unsupportedIdentifier', { type: '', value: 'localhost' }],
    ['malformed', { type: 'dns', value: '' }],
    ['malformed', { type: 'dns', value: 'a..test' }],
    ['malformed', { type: 'dns', value: 'a_b.test' }],
    ['malformed', { type: 'dns', value: 'a.test.' }],
    ['malformed', { type: 'dns', value: '*.*.test' }],
    ['malformed', { type: 'dns', value: 'a.*.test' }],
    ['malformed', { type: 'dns', value: '127.0.0.1' }],
    ['malformed', { type: 'dns', value: 'bücher.test' }],
    ['malformed', { type: 'ip', value: 'localhost' }],
    ['malformed', { type: 'ip', value: '127.0.0.0/8' }],
    ['malformed', { type: 'ip', value: 'fe80::1%eth0' }],
    ['malformed', { type: 'ip', value: '127.1' }],
  ])('%s is said of %o', async (type, identifier) => {
    await acme.refuses(() => client.newOrder([identifier]), 400, type as never)
  })

  test('several bad identifiers are told at once, each in a subproblem (6.7.1)', async () => {
    const bad = [
      { type: 'dns', value: 'a_b.test' },
      { type: 'email', value: 'a@example.test' },
    ]
    const reply = await acme.refuses(() => client.newOrder(['localhost', ...bad]), 400, 'malformed')
    expect(reply.json.subproblems).toEqual([
      { type: 'urn:ietf:params:acme:error:malformed', detail: expect.any(String), identifier: bad[0] },
      {
        type: 'urn:ietf:params:acme:error:unsupportedIdentifier',
        detail: expect.any(String),
        identifier: bad[1],
      },
    ])
  })

  test('the one bad identifier among others is named, so that clients can order the others', async () => {
    const bad = { type: 'dns', value: 'a_b.test' }
    const reply = await acme.refuses(() => client.newOrder(['localhost', bad]), 400, 'malformed', /^[^0-9]/)
    expect(reply.json.subproblems).toMatchObject([{ type: reply.json.type, identifier: bad }])
  })

  test('what JSON can hold and a program does not expect is malformed too', async () => {
    const { newOrder } = await client.directory()
    const deep = `${'['.repeat(20_000)}${']'.repeat(20_000)}`
    for (const type of ['{"toString":1}', '{"toJSON":1}', deep, 'null', '7']) {
      const one = `{"type":${type},"value":"a"}`
      for (const list of [one, `${one},${one}`]) {
        await acme.refuses(() => client.post(newOrder, `{"identifiers":[${list}]}`), 400, 'malformed')
      }
    }
    const named = (field: string) => `{"identifiers":[{"type":"dns","value":"localhost"}],${field}}`
    for (const name of ['notBefore', 'notAfter', 'profile', 'replaces']) {
      for (const value of [deep, '7', '{"toString":1}']) {
        await acme.refuses(() => client.post(newOrder, named(`"${name}":${value}`)), 400, 'malformed')
      }
    }
  })

  test('a name that policy refuses is a rejectedIdentifier, with a reason, each in a subproblem', async () => {
    const fields = { profile: 'web' }
    const one = await acme.refuses(
      () => client.newOrder(['localhost'], fields),
      400,
      'rejectedIdentifier',
      /web\.test/,
    )
    expect(one.json.subproblems).toMatchObject([{ identifier: { type: 'dns', value: 'localhost' } }])
    const names = ['ok.web.test', 'a.test', { type: 'ip', value: '127.0.0.1' }]
    const reply = await acme.refuses(() => client.newOrder(names, fields), 400, 'rejectedIdentifier')
    expect(reply.json.subproblems).toEqual([
      {
        type: 'urn:ietf:params:acme:error:rejectedIdentifier',
        detail: expect.stringMatching(/suffixes/),
        identifier: { type: 'dns', value: 'a.test' },
      },
      {
        type: 'urn:ietf:params:acme:error:rejectedIdentifier',
        detail: expect.stringMatching(/type ip/),
        identifier: { type: 'ip', value: '127.0.0.1' },
      },
    ])
    await acme.refuses(() => client.newOrder(['*.web.test']), 400, 'rejectedIdentifier', /wildcard/)
  })

  test.each([
    ['a notAfter that is over', { notAfter: -1 }],
    ['a notAfter that the profile does not reach', { notAfter: 4000 * DAY }],
    ['a notBefore long ago', { notBefore: -DAY }],
    ['a notBefore in years', { notBefore: 4000 * DAY }],
    ['a notAfter before notBefore', { notBefore: 2 * DAY, notAfter: DAY }],
  ])('%s is malformed', async (_, life) => {
    const fields = Object.fromEntries(Object.entries(life).map(([name, seconds]) => [name, at(seconds)]))
    await acme.refuses(() => client.newOrder(['localhost'], fields), 400, 'malformed')
  })

  test('a time or a text that a client writes and leaves empty is not asked for', async () => {
    const nothing = ['', null, '0001-01-01T00:00:00Z']
    for (const time of nothing) {
      const fields = { notBefore: time, notAfter: time, profile: null, replaces: null }
      const identifier = { type: 'dns', value: 'localhost', ancestorDomain: null }
      const order = await client.newOrder([identifier], fields)
      expect(order.status, order.text).toBe(201)
      for (const name of Object.keys(fields)) expect(order.json).not.toHaveProperty(name)
    }
  })

  const wrong = [
    ...['tomorrow', '2026-01-01', '1', 'Thu, 01 Jan 2099 00:00:00 GMT'],
    // RFC 3339 5.7: there are no such days and hours.
    ...['2026-13-01T00:00:00Z', '2027-02-29T00:00:00Z', '2027-04-31T00:00:00Z', '2027-02-28T24:00:00Z'],
  ]
  test.each(wrong)('the time "%s" is malformed', async (notAfter) => {
    await acme.refuses(() => client.newOrder(['localhost'], { notAfter }), 400, 'malformed', /RFC 3339/)
  })

  test('a profile that is not offered is an invalidProfile, with those that are', async () => {
    for (const profile of ['client', 'none', '', 'internal-service', '__proto__']) {
      await acme.refuses(
        () => client.newOrder(['localhost'], { profile }),
        400,
        'invalidProfile',
        /server, web/,
      )
    }
    const { meta } = await client.directory()
    expect(Object.keys(meta.profiles)).toEqual(['server', 'web'])
    for (const text of Object.values(meta.profiles)) expect(text).toMatch(/\S/)
  })
})

describe('an order', () => {
  test('is nobody else’s', async () => {
    const order = await client.newOrder(['localhost'])
    const other = await acme.client()
    const url = String(order.headers.location)
    await acme.refuses(() => other.postAsGet(url), 403, 'unauthorized')
    await acme.refuses(
      () => other.finalize(order.json.finalize, csrDer(['dns:localhost'])),
      403,
      'unauthorized',
    )
    for (const id of ['999999', '0', '01', '-1', '1e3', '9'.repeat(30), 'x', '%20']) {
      await acme.refuses(() => client.postAsGet(url.replace(/[0-9]+$/, id)), 404, 'malformed')
    }
  })

  test('that has expired is invalid, and can neither be proven nor finalised', async () => {
    const order = await client.newOrder(['localhost'])
    const { json } = await client.authorization(order.json.authorizations[0])
    pass(DAY - 1)
    expect((await client.postAsGet(String(order.headers.location))).json.status).toBe('pending')
    pass(1)
    expect((await client.postAsGet(String(order.headers.location))).json).toMatchObject({
      status: 'invalid',
      error: {
        type: 'urn:ietf:params:acme:error:unauthorized',
        detail: expect.stringMatching(/expired/),
        status: 403,
      },
    })
    expect((await client.authorization(order.json.authorizations[0])).json.status).toBe('expired')
    const csr = csrDer(['dns:localhost'])
    await acme.refuses(() => client.finalize(order.json.finalize, csr), 403, 'orderNotReady', /expired/)
    await acme.refuses(() => client.answer(json.challenges[0]), 400, 'malformed', /is expired/)
    expect((await client.postAsGet(json.challenges[0].url)).json.status).toBe('pending')
    expect((await client.postAsGet(`${client.kid}/orders`)).json.orders).toEqual([])
  })

  test('that was ready and has expired is not finalised', async () => {
    const order = await client.newOrder(['localhost'])
    await client.authorize(order, acme.solve)
    pass(DAY)
    const csr = csrDer(['dns:localhost'])
    await acme.refuses(() => client.finalize(order.json.finalize, csr), 403, 'orderNotReady', /expired/)
  })

  test('goes with an authorization that ends before it (7.1.6)', async () => {
    const short = await AcmeCa.create({ authorizationValidity: '60s' })
    try {
      const own = await short.client()
      const order = await own.newOrder(['localhost'])
      await own.authorize(order, short.solve)
      short.ca.now += 61_000
      expect((await own.postAsGet(String(order.headers.location))).json.status).toBe('invalid')
      const csr = csrDer(['dns:localhost'])
      await short.refuses(() => own.finalize(order.json.finalize, csr), 403, 'orderNotReady')
    } finally {
      await short.close()
    }
  })

  test('that asks for a time begins and ends then, though it is finalised hours later (7.4)', async () => {
    const life = { notBefore: at(0), notAfter: at(3 * DAY) }
    const order = await client.newOrder(['localhost'], life)
    expect(order.json).toMatchObject(life)
    await client.authorize(order, acme.solve)
    pass(3 * 3600)
    const done = await client.finalize(order.json.finalize, csrDer(['dns:localhost']))
    expect(done.status, done.text).toBe(200)
    const row = (await acme.ca.certificates()).at(0)
    expect([rfc3339(row!.notBefore), rfc3339(row!.notAfter)]).toEqual([life.notBefore, life.notAfter])
  })
})
