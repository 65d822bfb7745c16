import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { AcmeCa, expectRefusal } from './acme-ca.ts'
import type { AcmeClient, Flaws, Message, Reply } from './client.ts'
import { base64url, type Jws, macJws, newAccountKey, signJws } from './jws.ts'

let acme: AcmeCa
let client: AcmeClient
beforeAll(async () => {
  acme = await AcmeCa.create()
})
beforeEach(async () => {
  client = await acme.client()
})
afterAll(() => acme.close())

const newOrder = async (flaws: Flaws) => client.newOrder(['localhost'], {}, flaws)

describe('the algorithm (RFC 8555 6.2)', () => {
  test('"none" is refused, with the algorithms that are taken', async () => {
    const reply = await acme.refuses(
      () => newOrder({ header: { alg: 'none' }, edit: (jws) => ({ ...jws, signature: '' }) }),
      ...([400, 'badSignatureAlgorithm'] as const),
      /"none"/,
    )
    expect(reply.json.algorithms).toEqual(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'])
  })

  test('a MAC under the public key is refused', async () => {
    const secret = Buffer.from(JSON.stringify(client.key.jwk))
    const { newAccount } = await client.directory()
    await acme.refuses(
      async () =>
        client.post(
          newAccount,
          {},
          {
            edit: () =>
              macJws(secret, { alg: 'HS256', jwk: client.key.jwk, url: newAccount }, { contact: [] }),
          },
        ),
      ...([400, 'badSignatureAlgorithm'] as const),
      /"HS256"/,
    )
  })

  test('one that the key cannot have is refused, with those that it can', async () => {
    const reply = await acme.refuses(
      () => newOrder({ header: { alg: 'RS256' } }),
      400,
      'badSignatureAlgorithm',
    )
    expect(reply.json.algorithms).toEqual(['ES256'])
  })
})

describe('the key (RFC 8555 6.2)', () => {
  test.each([
    ['both jwk and kid', { jwk: 'own' }],
    ['neither jwk nor kid', { kid: undefined }],
  ])('%s is malformed', async (what, { jwk, ...header }: { jwk?: string; kid?: undefined }) => {
    const own = jwk === undefined ? {} : { jwk: client.key.jwk }
    await acme.refuses(() => newOrder({ header: { ...header, ...own } }), 400, 'malformed', RegExp(what[0]!))
  })

  test('a jwk is malformed where an account must sign', async () => {
    await acme.refuses(() => newOrder({ identify: 'jwk' }), 400, 'malformed', /"kid"/)
  })

  test('a kid is malformed for a new account', async () => {
    await acme.refuses(() => client.newAccount({}, { identify: 'kid' }), 400, 'malformed', /"jwk"/)
  })

  test.each([
    'https://elsewhere.test/acme/account/1',
    'https://localhost:80/acme/account/999999',
    'https://localhost:80/acme/account/01',
    'https://localhost:80/acme/order/1',
    '1',
    '',
  ])('the kid "%s" is no account here', async (kid) => {
    await acme.refuses(() => newOrder({ header: { kid } }), 400, 'accountDoesNotExist')
  })

  test('a key that is too weak is a badPublicKey', async () => {
    const { newAccount } = await client.directory()
    const jwk = { kty: 'RSA', e: 'AQAB', n: base64url(Buffer.alloc(128, 0xff)) }
    await acme.refuses(
      () => client.post(newAccount, {}, { identify: 'jwk', header: { alg: 'RS256', jwk } }),
      ...([400, 'badPublicKey'] as const),
      /1024/,
    )
  })

  test('a signature by another key proves nothing', async () => {
    await acme.refuses(() => newOrder({ key: newAccountKey() }), 400, 'malformed', /signature/)
  })
})

describe('the form (RFC 8555 6.2)', () => {
  const edits: [string, (jws: Jws) => unknown][] = [
    ['two signatures', ({ payload, ...one }) => ({ payload, signatures: [one, one] })],
    ['a list of one signature', ({ payload, ...one }) => ({ payload, signatures: [one] })],
    ['an unprotected header', (jws) => ({ ...jws, header: { alg: 'ES256' } })],
    ['the compact form', (jws) => `${jws.protected}.${jws.payload}.${jws.signature}`],
    ['no signature', ({ signature: _, ...jws }) => jws],
    ['no payload', ({ payload: _, ...jws }) => jws],
    ['padding', (jws) => ({ ...jws, signature: `${jws.signature}==` })],
    ['a list', (jws) => [jws]],
    ['nothing', () => ''],
    ['half of it', (jws) => JSON.stringify(jws).slice(0, -10)],
    ['a member twice', (jws) => JSON.stringify(jws).replace('{', '{"payload":"",')],
  ]
  test.each(edits)('%s is malformed', async (_, edit) => {
    await acme.refuses(() => newOrder({ edit }), 400, 'malformed')
  })

  test.each([{ crit: ['exp'] }, { b64: false }])('%o in the header is malformed', async (header) => {
    await acme.refuses(() => newOrder({ header }), 400, 'malformed', /not supported/)
  })

  test.each(['application/json', 'application/jose', 'text/plain', 'application/x-www-form-urlencoded'])(
    'the type %s is answered with 415, which says what ACME takes',
    async (contentType) => {
      await acme.refuses(() => newOrder({ contentType }), 415, 'malformed', /as application\/jose\+json/)
    },
  )

  test('a POST without a type and without a body is answered with 415', async () => {
    const { newOrder: url } = await client.directory()
    const call = { method: 'POST', as: null, headers: {} } as const
    await acme.refuses(() => acme.ca.call(new URL(url).pathname, call), 415, 'malformed')
  })

  test('parameters of the type are ignored', async () => {
    expect((await newOrder({ contentType: 'application/jose+json; charset=utf-8' })).status).toBe(201)
  })

  test('what is larger than 128 KiB is answered with 413', async () => {
    const edit = (jws: Jws) => ({ ...jws, filler: 'x'.repeat(128 * 1024) })
    await acme.refuses(() => newOrder({ edit }), 413, 'malformed')
  })

  test('unknown members are ignored, in the JWS, its header and its payload', async () => {
    const reply = await client.newOrder(
      [{ type: 'dns', value: 'localhost', more: [1] } as never],
      { future: { a: 1 } },
      { header: { typ: 'JOSE+JSON', future: true }, edit: (jws) => ({ ...jws, more: 1 }) },
    )
    expect(reply.status, reply.text).toBe(201)
  })

  test.each([
    ['a list', '[]'],
    ['a text', '"x"'],
    ['no JSON', '{'],
  ])('a payload that is %s is malformed', async (_, payload) => {
    const { newOrder: url } = await client.directory()
    await acme.refuses(() => client.post(url, payload), 400, 'malformed')
  })

  test('a header that stands twice is malformed', async () => {
    const port = await acme.ca.listen()
    expect(port).toBeGreaterThan(0)
    const call: Message = { method: 'POST', headers: {}, body: '{}', as: null }
    const headers = { ...call.headers, 'content-type': ['application/jose+json', 'text/plain'] }
    const reply = await acme.ca.send('/acme/new-order', { ...call, headers: headers as never })
    expectRefusal(reply, 400, 'malformed', /twice/)
  })
})

describe('the URL (RFC 8555 6.4)', () => {
  test('another than that of the request is unauthorized', async () => {
    const { newAccount } = await client.directory()
    await acme.refuses(() => newOrder({ header: { url: newAccount } }), 403, 'unauthorized')
  })

  test.each([
    ['of another host', 'https://elsewhere.test/acme/new-order'],
    ['with a query', 'https://localhost:80/acme/new-order?a=1'],
    ['by plain HTTP', 'http://localhost:80/acme/new-order'],
    ['relative', '/acme/new-order'],
  ])('one %s is unauthorized', async (_, url) => {
    await acme.refuses(() => newOrder({ header: { url } }), 403, 'unauthorized')
  })

  test.each([undefined, 7, null])('%s instead of one is malformed', async (url) => {
    await acme.refuses(() => newOrder({ header: { url } }), 400, 'malformed', /"url"/)
  })
})

describe('POST-as-GET (RFC 8555 6.3)', () => {
  test('has an empty payload; an empty object is not that', async () => {
    const order = await client.newOrder(['localhost'])
    for (const url of [String(order.headers.location), `${client.kid}/orders`]) {
      await acme.refuses(() => client.post(url, {}), 400, 'malformed', /payload must be empty/)
      await acme.refuses(() => client.post(url, { status: 'x' }), 400, 'malformed', /payload must be empty/)
      expect((await client.postAsGet(url)).status).toBe(200)
    }
  })

  test('is no way to ask for what needs a payload', async () => {
    const { newAccount, newOrder: orders, newAuthz, revokeCert } = await client.directory()
    await acme.refuses(() => client.postAsGet(newAccount, { identify: 'jwk' }), 400, 'malformed', /payload/)
    for (const url of [orders, newAuthz, revokeCert]) {
      await acme.refuses(() => client.postAsGet(url), 400, 'malformed', /payload/)
    }
  })

  test('is a way to ask for the directory and for a nonce too', async () => {
    const { newNonce } = await client.directory()
    const url = newNonce.replace(/new-nonce$/, 'directory')
    const directory = await client.postAsGet(url)
    expect(directory.json).toEqual(await client.directory())
    const nonce = await client.postAsGet(newNonce)
    expect({ status: nonce.status, text: nonce.text }).toEqual({ status: 204, text: '' })
    for (const reply of [directory, nonce]) {
      expect(reply.headers['cache-control']).toBe('no-store')
      expect(reply.headers['replay-nonce']).toMatch(/^[\w-]{20,}$/)
    }
    for (const one of [url, newNonce]) {
      await acme.refuses(() => client.post(one, {}), 400, 'malformed', /payload must be empty/)
      await acme.refuses(() => client.postAsGet(one, { key: newAccountKey() }), 400, 'malformed', /signature/)
    }
  })

  test('is the only way: every other method is answered with 405', async () => {
    const order = await client.newOrder(['localhost'])
    const { json } = await client.authorization(order.json.authorizations[0])
    const directory = await client.directory()
    const urls = [
      ...[client.kid!, `${client.kid}/orders`, String(order.headers.location), order.json.finalize],
      ...[
        order.json.authorizations[0],
        json.challenges[0].url,
        `${directory.newOrder.replace('new-order', 'certificate/ab')}`,
      ],
      ...[
        directory.newAccount,
        directory.newOrder,
        directory.newAuthz,
        directory.revokeCert,
        directory.keyChange,
      ],
    ]
    for (const url of urls) {
      for (const method of ['GET', 'PUT', 'PATCH', 'DELETE'] as const) {
        const ask = (): Promise<Reply> =>
          acme.ca.call(new URL(url).pathname, { method, as: null, headers: {} })
        await acme.refuses(ask, 405, 'malformed')
      }
    }
  })

  test('what is at no address is a 404 in the words of ACME, with a nonce', async () => {
    const { newOrder: orders } = await client.directory()
    const urls = ['nothing', 'new-order/', 'New-Order', '', 'order/1/x'].map((path) =>
      orders.replace('new-order', path),
    )
    for (const url of urls) {
      await acme.refuses(() => client.postAsGet(url), 404, 'malformed', /Nothing is at POST .*directory/)
      const ask = (): Promise<Reply> => acme.ca.call(new URL(url).pathname, { as: null })
      await acme.refuses(ask, 404, 'malformed', /Nothing is at GET/)
    }
  })

  test('a PUT is answered with 405 whatever it carries', async () => {
    for (const type of ['application/jose+json', 'application/json', 'text/plain']) {
      const call = { method: 'PUT', as: null, headers: { 'content-type': type }, body: '{}' } as const
      await acme.refuses(() => acme.ca.call('/acme/new-order', call), 405, 'malformed')
      expect((await acme.ca.call('/acme/new-order', call)).headers.allow).toBe('POST')
    }
  })
})

describe('the Host', () => {
  test('of another name is answered with 421, by the directory too', async () => {
    const headers = { host: 'elsewhere.test' }
    await acme.refuses(() => newOrder({ headers }), 421, 'malformed', /tls\.names/)
    const directory = await acme.ca.call('/acme/directory', { as: null, headers })
    expectRefusal(directory, 421, 'malformed')
  })

  test.each([
    'localhost/',
    'a@localhost',
    'localhost:x',
    '[localhost]',
    'localhost:99999',
    'localhost:123456',
  ])('of "%s" is none', async (host) => {
    const directory = await acme.ca.call('/acme/directory', { as: null, headers: { host } })
    expectRefusal(directory, 421, 'malformed')
  })

  test('may be written in any case, and with or without the port of HTTPS', async () => {
    for (const host of ['LOCALHOST', 'localhost:443', '[::1]:443', '127.0.0.1:8443']) {
      const stranger = acme.stranger()
      const { json } = await acme.ca.call('/acme/directory', { as: null, headers: { host } })
      const jws = await stranger.sign(json.newAccount, {}, { header: { nonce: await stranger.nonce() } })
      const reply = await acme.ca.call('/acme/new-account', {
        ...{ method: 'POST', as: null, body: JSON.stringify(jws) },
        headers: { host, 'content-type': 'application/jose+json' },
      })
      expect(reply.status, `${host}: ${reply.text}`).toBe(201)
      expect(String(reply.headers.location)).toBe(
        `${new URL(json.newAccount).origin}${new URL(String(reply.headers.location)).pathname}`,
      )
    }
  })
})

test('what a signature does not cover is not heeded: one that was changed on its way is refused', async () => {
  const { newOrder: url } = await client.directory()
  const other = base64url(JSON.stringify({ identifiers: [{ type: 'dns', value: 'other.test' }] }))
  await acme.refuses(
    () => client.post(url, { identifiers: [] }, { edit: (jws) => ({ ...jws, payload: other }) }),
    ...([400, 'malformed'] as const),
    /signature/,
  )
  const stolen = await client.sign(url, { identifiers: [{ type: 'dns', value: 'localhost' }] })
  const mine = signJws(newAccountKey(), JSON.parse(Buffer.from(stolen.protected, 'base64url').toString()), {})
  await acme.refuses(
    () => client.post(url, {}, { edit: () => ({ ...stolen, signature: mine.signature }) }),
    400,
    'malformed',
  )
})
