import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createExternalKey } from '../../../src/acme/external-accounts.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa, errorType } from './acme-ca.ts'
import type { Reply } from './client.ts'
import { newAccountKey } from './jws.ts'

const TERMS = 'https://ca.example.test/terms'

/** As clients read it. */
const DEACTIVATED = /^An account with the provided public key exists but is deactivated$/

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create({ termsOfService: TERMS, website: 'https://ca.example.test/' })
})
afterAll(() => acme.close())

describe('newAccount (RFC 8555 7.3)', () => {
  test('makes one account for one key: asked again, the answer is 200 and the same account', async () => {
    const client = await acme.client({ termsOfServiceAgreed: true, contact: ['mailto:a@example.test'] })
    const again = await acme.stranger(client.key).newAccount({ contact: ['mailto:b@example.test'] })
    expect(again.status).toBe(200)
    expect(again.headers.location).toBe(client.kid)
    expect(again.json).toEqual({
      status: 'valid',
      contact: ['mailto:a@example.test'],
      termsOfServiceAgreed: true,
      orders: `${client.kid}/orders`,
    })
  })

  test('makes one account of many requests at once with one key', async () => {
    const key = newAccountKey()
    const replies = await Promise.all(Array.from({ length: 10 }, () => acme.stranger(key).newAccount()))
    expect(new Set(replies.map(({ headers }) => headers.location)).size).toBe(1)
    expect(replies.filter(({ status }) => status === 201)).toHaveLength(1)
    expect(replies.filter(({ status }) => status === 200)).toHaveLength(9)
  })

  test('with onlyReturnExisting makes none, and finds one (7.3.1)', async () => {
    const stranger = acme.stranger()
    const only = { onlyReturnExisting: true, termsOfServiceAgreed: true }
    await acme.refuses(() => stranger.newAccount(only), 400, 'accountDoesNotExist')
    const client = await acme.client()
    const found = await acme.stranger(client.key).newAccount({ onlyReturnExisting: true })
    expect({ status: found.status, location: found.headers.location }).toEqual({
      status: 200,
      location: client.kid,
    })
  })

  test('needs the agreement to the terms, and says where they are (7.3.3)', async () => {
    for (const fields of [{}, { termsOfServiceAgreed: false }, { termsOfServiceAgreed: 'true' }]) {
      const reply = await acme.refuses(
        () => acme.stranger().newAccount(fields),
        403,
        'userActionRequired',
        RegExp(TERMS),
      )
      expect(String(reply.headers.link)).toContain(`<${TERMS}>;rel="terms-of-service"`)
      expect(reply.json.instance).toBe(TERMS)
    }
  })

  test.each([
    ['unsupportedContact', ['tel:+12025550123']],
    ['unsupportedContact', ['mailto:a@example.test', 'https://example.test/']],
    ['unsupportedContact', ['a@example.test']],
    ['invalidContact', ['mailto:a@example.test,b@example.test']],
    ['invalidContact', ['mailto:a@example.test?subject=x']],
    ['invalidContact', ['mailto:nobody']],
    ['invalidContact', ['mailto:']],
    ['invalidContact', Array.from({ length: 11 }, (_, index) => `mailto:a${index}@example.test`)],
    ['malformed', 'mailto:a@example.test'],
    ['malformed', [7]],
  ] as const)('answers with %s to the contacts %o', async (type, contact) => {
    const fields = { termsOfServiceAgreed: true, contact }
    await acme.refuses(() => acme.stranger().newAccount(fields), 400, type)
    const client = await acme.client()
    await acme.refuses(() => client.post(client.kid!, { contact }), 400, type)
  })

  test('has no contacts where they are null, and keeps those that it has', async () => {
    const fields = { termsOfServiceAgreed: true, contact: null }
    const reply = await acme.stranger().newAccount(fields)
    expect(reply.status, reply.text).toBe(201)
    expect(reply.json).not.toHaveProperty('contact')
    const contact = ['mailto:a@example.test']
    const client = await acme.client({ termsOfServiceAgreed: true, contact })
    expect((await client.post(client.kid!, { contact: null })).json.contact).toEqual(contact)
  })

  test('is made by a client that writes null for all that it has not set, in the key and in the JWS too', async () => {
    const stranger = acme.stranger(newAccountKey('RS256'))
    const unset = { d: null, p: null, q: null, dp: null, dq: null, qi: null, use: null, alg: null, kid: null }
    const reply = await stranger.newAccount(
      { termsOfServiceAgreed: true, contact: null, status: null, key: null, orders: null },
      {
        header: { jwk: { ...unset, ...stranger.key.jwk }, kid: null },
        edit: (jws) => ({ header: null, ...jws }),
      },
    )
    expect(reply.status, reply.text).toBe(201)
  })

  test('takes no status and no orders from the client', async () => {
    const fields = { termsOfServiceAgreed: true, status: 'revoked', orders: 'https://elsewhere.test/' }
    const reply = await acme.stranger().newAccount(fields)
    expect(reply.json).toMatchObject({ status: 'valid' })
    expect(reply.json.orders).toMatch(/^https:\/\/localhost:80\/acme\/account\/[0-9]+\/orders$/)
  })
})

describe('an account', () => {
  test('has its contacts changed and removed (7.3.2), and other fields left alone', async () => {
    const client = await acme.client({ termsOfServiceAgreed: true, contact: ['mailto:a@example.test'] })
    const changed = await client.post(client.kid!, {
      ...{ contact: ['mailto:B@EXAMPLE.test'], orders: 'x', future: [1] },
    })
    expect(changed.json.contact).toEqual(['mailto:B@example.test'])
    expect((await client.post(client.kid!, { contact: [] })).json).not.toHaveProperty('contact')
    expect((await client.post(client.kid!, {})).json.status).toBe('valid')
    expect((await client.post(client.kid!, { status: null })).json.status).toBe('valid')
    for (const status of ['revoked', 'pending', 7]) {
      await acme.refuses(() => client.post(client.kid!, { status }), 400, 'malformed')
    }
  })

  test('is nobody else’s', async () => {
    const [mine, other] = [await acme.client(), await acme.client()]
    await acme.refuses(() => other.postAsGet(mine.kid!), 403, 'unauthorized')
    await acme.refuses(() => other.post(mine.kid!, { status: 'deactivated' }), 403, 'unauthorized')
    await acme.refuses(() => other.postAsGet(`${mine.kid}/orders`), 403, 'unauthorized')
    await acme.refuses(() => other.postAsGet(mine.kid!.replace(/[0-9]+$/, '999999')), 403, 'unauthorized')
  })

  test('that is deactivated can do nothing any more, and its open orders end (7.3.6)', async () => {
    const client = await acme.client()
    const der = csrDer(['dns:localhost'])
    await client.obtain(['localhost'], der, acme.solve)
    const open = await client.newOrder(['localhost'])
    const pending = await client.newOrder(['127.0.0.1.localhost'])
    const authorization = pending.json.authorizations[0]
    const { challenges } = (await client.authorization(authorization)).json
    const ended = await client.post(client.kid!, { status: 'deactivated' })
    expect({ status: ended.status, json: ended.json.status }).toEqual({ status: 200, json: 'deactivated' })
    expect(await acme.ca.audit('account.deactivate')).toHaveLength(1)
    const attempts: (() => Promise<Reply>)[] = [
      () => client.postAsGet(client.kid!),
      () => client.post(client.kid!, { status: 'valid' }),
      () => client.postAsGet(`${client.kid}/orders`),
      () => client.newOrder(['localhost']),
      () => client.finalize(open.json.finalize, der),
      () => client.authorization(authorization),
      () => client.answer(challenges[0]),
      () => client.keyChange(newAccountKey()),
    ]
    for (const attempt of attempts) await acme.refuses(attempt, 401, 'unauthorized', /deactivated/)
    for (const fields of [{}, { onlyReturnExisting: true }]) {
      await acme.refuses(() => client.newAccount(fields), 403, 'unauthorized', DEACTIVATED)
    }
    const { read } = acme.ca.service.store
    for (const { headers } of [open, pending]) {
      const order = await read.acmeOrder(Number(String(headers.location).split('/').at(-1)))
      expect(order?.status).toBe('invalid')
    }
    const [{ authorizations }] = (await read.listAcmeOrders(null, { limit: 1 })).rows as [never]
    for (const id of authorizations as number[])
      expect((await read.acmeAuthorization(id))?.status).toBe('deactivated')
  })

  test('whose end comes between the check and the certificate gets none', async () => {
    const client = await acme.client()
    await client.obtain(['localhost'], csrDer(['dns:localhost']), acme.solve)
    const order = await client.newOrder(['localhost'])
    const before = await acme.ca.inventory()
    const [ended, ...finalized] = await Promise.all([
      client.post(client.kid!, { status: 'deactivated' }),
      ...Array.from({ length: 5 }, () => client.finalize(order.json.finalize, csrDer(['dns:localhost']))),
    ])
    expect(ended!.status).toBe(200)
    for (const { json } of finalized.filter(({ status }) => status !== 200)) {
      expect(['unauthorized', 'orderNotReady']).toContain(errorType(json))
    }
    const made = finalized.filter(({ status }) => status === 200).length
    expect((await acme.ca.inventory()).length).toBe(before.length + made)
    const row = await acme.ca.service.store.read.acmeOrder(
      Number(String(order.headers.location).split('/').at(-1)),
    )
    expect(row?.status).toBe(made === 1 ? 'valid' : 'invalid')
  })
})

test('the list of orders comes in pages, the newest first, without those that are invalid (7.1.2.1)', async () => {
  const client = await acme.client()
  const orders: string[] = []
  for (let made = 0; made < 105; made++) {
    orders.unshift(String((await client.newOrder(['localhost'])).headers.location))
  }
  const first = await client.postAsGet(`${client.kid}/orders`)
  expect(first.json).toEqual({ orders: orders.slice(0, 100) })
  const [next] = [first.headers.link]
    .flat()
    .flatMap((link) => /^<(.*)>;rel="next"$/.exec(String(link))?.[1] ?? [])
  expect(next).toMatch(RegExp(`^${client.kid}/orders\\?cursor=`))
  const second = await client.postAsGet(next!)
  expect(second.json).toEqual({ orders: orders.slice(100) })
  expect(String(second.headers.link)).not.toContain('rel="next"')
  const { json } = await client.postAsGet(orders[0]!)
  await client.post(json.authorizations[0], { status: 'deactivated' })
  expect((await client.postAsGet(`${client.kid}/orders`)).json.orders).not.toContain(orders[0])
  const bad = `${client.kid}/orders?cursor=bad`
  await acme.refuses(() => client.postAsGet(bad), 400, 'malformed')
})

test('of an external account binding the JWS alone is kept and shown (7.3.4)', async () => {
  const { kid, hmacKey } = await createExternalKey(
    { profiles: null, names: null, singleUse: false, ttl: null },
    { kind: 'system', id: 'test' } as never,
    { address: '127.0.0.1', requestId: 'test' },
    acme.ca.service.acme.context,
  )
  const client = acme.stranger()
  const binding = await client.externalAccountBinding(kid, Buffer.from(hmacKey, 'base64url'))
  const reply = await client.newAccount({
    termsOfServiceAgreed: true,
    externalAccountBinding: { ...binding, future: true },
  })
  expect(reply.json.externalAccountBinding).toEqual(binding)
})
