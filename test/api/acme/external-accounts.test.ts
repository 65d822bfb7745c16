import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PASSPHRASE } from '../ca-fixture.ts'
import { csrDer } from '../requests.ts'
import { AcmeCa, errorType } from './acme-ca.ts'
import type { AcmeClient, Reply } from './client.ts'
import { macJws, newAccountKey } from './jws.ts'

let acme: AcmeCa
beforeAll(async () => {
  acme = await AcmeCa.create({ externalAccountRequired: true, profiles: ['server', 'short-lived'] })
})
afterAll(() => acme.close())

interface EabKey {
  readonly kid: string
  readonly secret: Buffer
}

async function newKey(wish: object = {}): Promise<EabKey> {
  const { status, json, text } = await acme.ca.call('/v1/acme/eab-keys', { body: wish })
  expect(status, text).toBe(201)
  return { kid: json.kid, secret: Buffer.from(json.hmacKey, 'base64url') }
}

async function bind({ kid, secret }: EabKey, header: object = {}, client = acme.stranger()) {
  const externalAccountBinding = await client.externalAccountBinding(kid, secret, { ...header })
  return { client, externalAccountBinding, reply: await client.newAccount({ externalAccountBinding }) }
}

async function bound(wish: object = {}): Promise<AcmeClient> {
  const { client, reply } = await bind(await newKey(wish))
  expect(reply.status, reply.text).toBe(201)
  return client
}

function expectRefused(reply: Reply, status: number, type: string, detail: RegExp): void {
  expect({ status: reply.status, type: errorType(reply.json) }, reply.text).toEqual({ status, type })
  expect(reply.json.detail).toMatch(detail)
}

async function stateOf(kid: string): Promise<{ state: string; accounts: number; usedAt: string | null }> {
  const { json } = await acme.ca.call('/v1/acme/eab-keys?limit=1000')
  return json.eabKeys.find((one: EabKey) => one.kid === kid)
}

describe('a binding', () => {
  test.each(['HS256', 'HS384', 'HS512'])('by %s makes an account that shows it', async (alg) => {
    const key = await newKey()
    const { client, externalAccountBinding, reply } = await bind(key, { alg })
    expect(reply.status, reply.text).toBe(201)
    expect(reply.json.externalAccountBinding).toEqual(externalAccountBinding)
    expect((await client.postAsGet(client.kid!)).json.externalAccountBinding).toEqual(externalAccountBinding)
    expect(await stateOf(key.kid)).toMatchObject({ state: 'used', accounts: 1 })
    expect((await acme.ca.audit('account.create'))[0]).toMatchObject({ detail: { externalKey: key.kid } })
    const order = await client.newOrder(['localhost'])
    await client.authorize(order, acme.solve)
    expect((await client.finalize(order.json.finalize, csrDer(['dns:localhost']))).json.status).toBe('valid')
  })

  test('is required here, and the directory says so', async () => {
    expect((await acme.stranger().directory()).meta.externalAccountRequired).toBe(true)
    for (const fields of [{}, { externalAccountBinding: null }]) {
      const reply = await acme.stranger().newAccount(fields)
      expectRefused(reply, 403, 'externalAccountRequired', /ask an admin/)
    }
  })

  test('is not asked for again where there is an account', async () => {
    const { client } = await bind(await newKey())
    const again = acme.stranger(client.key)
    expect((await again.newAccount({})).status).toBe(200)
    expect(again.kid).toBe(client.kid)
  })

  test('is refused with a MAC by another secret, and leaves the key open', async () => {
    const key = await newKey()
    const { reply } = await bind({ ...key, secret: randomBytes(64) })
    expectRefused(reply, 403, 'unauthorized', /MAC/)
    expect(await stateOf(key.kid)).toMatchObject({ state: 'open', accounts: 0, usedAt: null })
    expect((await bind(key)).reply.status).toBe(201)
  })

  test('is refused for another account key, for another address, by a signature or with a nonce', async () => {
    const key = await newKey()
    const client = acme.stranger()
    const { newAccount } = await client.directory()
    const header = { alg: 'HS256', kid: key.kid, url: newAccount }
    for (const externalAccountBinding of [
      macJws(key.secret, header, newAccountKey().jwk),
      macJws(key.secret, { ...header, url: `${newAccount}/` }, client.key.jwk),
      macJws(key.secret, { ...header, nonce: await client.nonce() }, client.key.jwk),
      'text',
      {},
    ]) {
      const reply = await client.newAccount({ externalAccountBinding })
      expect({ status: reply.status, type: errorType(reply.json) }).toEqual({
        status: 400,
        type: 'malformed',
      })
    }
    const { reply } = await bind(key, { alg: 'ES256' })
    expect(errorType(reply.json)).toBe('badSignatureAlgorithm')
    expect(await stateOf(key.kid)).toMatchObject({ state: 'open' })
  })

  test('is refused by a key that is not known, was used, revoked or has expired', async () => {
    const expectClosed = async (key: EabKey) =>
      expectRefused((await bind(key)).reply, 403, 'unauthorized', /Ask an admin/)
    await expectClosed({ kid: 'nobody', secret: randomBytes(32) })
    const used = await newKey()
    expect((await bind(used)).reply.status).toBe(201)
    await expectClosed(used)
    const revoked = await newKey({ singleUse: false })
    await acme.ca.call(`/v1/acme/eab-keys/${revoked.kid}`, { method: 'DELETE' })
    await expectClosed(revoked)
    const brief = await newKey({ ttl: '10s', singleUse: false })
    acme.ca.now += 9000
    expect((await bind(brief)).reply.status).toBe(201)
    acme.ca.now += 1000
    await expectClosed(brief)
  })

  test('by a key for many works again and again; by a key for one, of twenty at once, once', async () => {
    const many = await newKey({ singleUse: false })
    for (let n = 0; n < 3; n++) expect((await bind(many)).reply.status).toBe(201)
    expect(await stateOf(many.kid)).toMatchObject({ state: 'open', accounts: 3 })
    const one = await newKey()
    const replies = await Promise.all(Array.from({ length: 20 }, async () => (await bind(one)).reply))
    expect(replies.map(({ status }) => status).sort()).toEqual([201, ...Array(19).fill(403)])
    expect(await stateOf(one.kid)).toMatchObject({ state: 'used', accounts: 1 })
  })

  test('puts the secret nowhere', async () => {
    const key = await newKey()
    await bind({ ...key, secret: randomBytes(64) })
    await bind(key)
    const database = ['chancery.db', 'chancery.db-wal'].map((name) =>
      readFileSync(join(acme.ca.directory, name)),
    )
    const seen = [...database, Buffer.from(acme.ca.log.join('')), (await acme.ca.call('/v1/audit')).body]
    for (const form of [
      key.secret,
      ...(['hex', 'base64', 'base64url'] as const).map((one) => key.secret.toString(one)),
    ])
      for (const place of seen) expect(place.includes(form)).toBe(false)
    expect(seen.some((place) => place.includes(PASSPHRASE))).toBe(false)
  })
})

describe('the limits of a key', () => {
  test('hold for the names that its accounts order', async () => {
    const client = await bound({ names: ['localhost', 'example.test', '127.0.0.0/8'] })
    const all = ['localhost', 'a.b.example.test', { type: 'ip', value: '127.0.0.1' }]
    expect((await client.newOrder(all)).status).toBe(201)
    const one = await client.newOrder(['localhost', 'other.test'])
    expectRefused(
      one,
      400,
      'rejectedIdentifier',
      /dns:other\.test.*localhost, example\.test, 127\.0\.0\.0\/8/,
    )
    const two = await client.newOrder(['other.test', { type: 'ip', value: '192.0.2.1' }, 'localhost'])
    expectRefused(two, 400, 'rejectedIdentifier', /other\.test/)
    expect(two.json.subproblems).toMatchObject([
      {
        type: 'urn:ietf:params:acme:error:rejectedIdentifier',
        identifier: { type: 'dns', value: 'other.test' },
      },
      { identifier: { type: 'ip', value: '192.0.2.1' } },
    ])
    const { newAuthz } = await client.directory()
    const authorize = (value: string) => client.post(newAuthz, { identifier: { type: 'dns', value } })
    expect((await authorize('example.test')).status).toBe(201)
    expectRefused(await authorize('other.test'), 400, 'rejectedIdentifier', /other\.test/)
  })

  test('hold for the profiles, the first of which is the default', async () => {
    const client = await bound({ profiles: ['short-lived'] })
    const order = await client.newOrder(['localhost'])
    expect(order.status, order.text).toBe(201)
    const id = String(order.headers.location).split('/').at(-1)
    expect((await acme.ca.call(`/v1/acme/orders/${id}`)).json.profile).toBe('short-lived')
    expect((await client.newOrder(['localhost'], { profile: 'short-lived' })).status).toBe(201)
    const refused = await client.newOrder(['localhost'], { profile: 'server' })
    expectRefused(refused, 400, 'invalidProfile', /Offered: short-lived/)
  })

  test('stay when the account takes another key', async () => {
    const client = await bound({ names: ['example.test'] })
    const next = newAccountKey()
    expect((await client.keyChange(next)).status).toBe(200)
    const renewed = acme.stranger(next)
    await renewed.newAccount({ onlyReturnExisting: true })
    expectRefused(await renewed.newOrder(['localhost']), 400, 'rejectedIdentifier', /localhost/)
  })

  test('stay when the key is revoked or has expired, and so does the account', async () => {
    const key = await newKey({ names: ['localhost'], ttl: '1m' })
    const { client } = await bind(key)
    acme.ca.now += 120_000
    await acme.ca.call(`/v1/acme/eab-keys/${key.kid}`, { method: 'DELETE' })
    expect(await stateOf(key.kid)).toMatchObject({ state: 'revoked', accounts: 1 })
    expect((await client.newOrder(['localhost'])).status).toBe(201)
    expectRefused(await client.newOrder(['example.test']), 400, 'rejectedIdentifier', /example\.test/)
  })
})
