import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { TlsClient } from '../est/tls-client.ts'
import { AcmeCa, errorType, expectRefusal } from './acme-ca.ts'
import type { AcmeClient } from './client.ts'

let acme: AcmeCa
let client: AcmeClient
beforeAll(async () => {
  acme = await AcmeCa.create()
})
beforeEach(async () => {
  client = await acme.client()
})
afterAll(() => acme.close())

/** With a nonce of the test's own choice. */
const look = (nonce: unknown) => client.postAsGet(client.kid!, { header: { nonce } })

describe('newNonce (RFC 8555 7.2)', () => {
  test.each([
    ['HEAD', 200],
    ['GET', 204],
  ] as const)('%s brings one, with status %i, that no cache may keep', async (method, status) => {
    const reply = await acme.ca.call('/acme/new-nonce', { method, as: null })
    expect({ status: reply.status, body: reply.text }).toEqual({ status, body: '' })
    expect(reply.headers).toMatchObject({ 'cache-control': 'no-store' })
    expect(String(reply.headers.link)).toMatch(/\/acme\/directory>;rel="index"$/)
    expect((await look(reply.headers['replay-nonce'])).status).toBe(200)
  })
})

test('headers have the letters of the RFC, which OpenBSD’s acme-client compares', async () => {
  const connection = await TlsClient.connect(await acme.ca.listen(), acme.ca.rootPem, 'TLSv1.3')
  try {
    const fresh = await connection.request('GET', '/acme/new-nonce')
    const nonce = fresh.headers.find(([name]) => name === 'Replay-Nonce')?.[1]
    expect(nonce, fresh.head).toMatch(/^[\w-]{20,}$/)
    const url = 'https://localhost/acme/new-account'
    const jws = await acme.stranger().sign(url, { termsOfServiceAgreed: true }, { header: { nonce } })
    const made = await connection.request('POST', '/acme/new-account', {
      headers: { 'content-type': 'application/jose+json' },
      body: JSON.stringify(jws),
    })
    expect(made.status, made.head).toBe(201)
    expect(made.headers.map(([name]) => name)).toEqual(
      expect.arrayContaining(['Location', 'Replay-Nonce', 'Link', 'Content-Type', 'Content-Length']),
    )
  } finally {
    connection.close()
  }
})

describe('a nonce (RFC 8555 6.5)', () => {
  test('that is missing, unknown or was used is a badNonce, and the answer brings one that is good', async () => {
    const used = await client.nonce()
    expect((await look(used)).status).toBe(200)
    for (const nonce of [undefined, null, used, 'AAAA', 'A'.repeat(35), used.slice(0, -1)]) {
      const reply = await acme.refuses(() => look(nonce), 400, 'badNonce')
      expect((await look(reply.headers['replay-nonce'])).status).toBe(200)
    }
  })

  test('that was used is told in the words by which acme.sh knows it', async () => {
    const used = await client.nonce()
    await look(used)
    await acme.refuses(() => look(used), 400, 'badNonce', /^JWS has an invalid anti-replay nonce/)
  })

  test.each(['', 'a b', 'AA==', 'a+b/', 7, ['AAAA']])('that is %o is malformed (6.5.2)', async (nonce) => {
    await acme.refuses(() => look(nonce), 400, 'malformed', /nonce/)
  })

  test('is used up by a request that is refused for anything else', async () => {
    const nonce = await client.nonce()
    const first = await client.newOrder([], {}, { header: { nonce } })
    expectRefusal(first, 400, 'malformed')
    await acme.refuses(() => look(nonce), 400, 'badNonce')
  })

  test('is good for one of many requests at once', async () => {
    const nonce = await client.nonce()
    const replies = await Promise.all(
      Array.from({ length: 50 }, () => client.newOrder(['localhost'], {}, { header: { nonce } })),
    )
    const statuses = replies.map(({ status, json }) => `${status} ${errorType(json) ?? 'done'}`)
    expect(statuses.filter((one) => one === '201 done')).toHaveLength(1)
    expect(statuses.filter((one) => one === '400 badNonce')).toHaveLength(49)
    const { json } = await client.postAsGet(`${client.kid}/orders`)
    expect(json.orders).toHaveLength(1)
  })

  test('is nobody’s own: any client may use it', async () => {
    const other = await acme.client()
    expect((await look(await other.nonce())).status).toBe(200)
  })

  test('in a header of the request is not heeded', async () => {
    const header = await client.nonce()
    const inHeader = { headers: { 'replay-nonce': header } }
    await acme.refuses(
      () => client.postAsGet(client.kid!, { ...inHeader, header: { nonce: undefined } }),
      400,
      'badNonce',
    )
    const both = await client.postAsGet(client.kid!, { ...inHeader, header: { nonce: await client.nonce() } })
    expect(both.status).toBe(200)
    expect((await look(header)).status).toBe(200)
  })

  test('outlives its hour by no second', async () => {
    const [first, second] = [await client.nonce(), await client.nonce()]
    acme.ca.now += 3599_000
    expect((await look(first)).status).toBe(200)
    acme.ca.now += 1000
    await acme.refuses(() => look(second), 400, 'badNonce')
  })

  test('dies with a restart, used or not', async () => {
    const [used, fresh] = [await client.nonce(), await client.nonce()]
    await look(used)
    await acme.ca.reopen()
    for (const nonce of [used, fresh]) await acme.refuses(() => look(nonce), 400, 'badNonce')
    expect((await look(await acme.stranger().nonce())).status).toBe(200)
  })
})
