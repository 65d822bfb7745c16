import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { AcmeCa, errorType, expectRefusal } from './acme-ca.ts'
import type { AcmeClient } from './client.ts'
import { type AccountAlgorithm, macJws, newAccountKey } from './jws.ts'

let acme: AcmeCa
let client: AcmeClient
beforeAll(async () => {
  acme = await AcmeCa.create()
})
beforeEach(async () => {
  client = await acme.client()
})
afterAll(() => acme.close())

test.each<AccountAlgorithm>(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'])(
  'an account goes over to a key for %s, and its old one opens nothing (RFC 8555 7.3.5)',
  async (alg) => {
    const next = newAccountKey(alg)
    const reply = await client.keyChange(next)
    expect(reply.status, reply.text).toBe(200)
    expect(reply.json.status).toBe('valid')
    await acme.refuses(
      () => client.postAsGet(client.kid!),
      400,
      alg === 'ES256' ? 'malformed' : 'badSignatureAlgorithm',
    )
    const renewed = acme.stranger(next)
    renewed.kid = client.kid
    expect((await renewed.postAsGet(client.kid!)).status).toBe(200)
    expect((await acme.stranger(next).newAccount({ onlyReturnExisting: true })).headers.location).toBe(
      client.kid,
    )
    await acme.refuses(
      () => acme.stranger(client.key).newAccount({ onlyReturnExisting: true }),
      400,
      'accountDoesNotExist',
    )
  },
)

test('a key that an account has is answered with 409 and that account’s address', async () => {
  const other = await acme.client()
  const reply = await acme.refuses(() => client.keyChange(other.key), 409, 'malformed')
  expect(reply.headers.location).toBe(other.kid)
  const same = await acme.refuses(() => client.keyChange(client.key), 409, 'malformed')
  expect(same.headers.location).toBe(client.kid)
})

test('what the inner JWS says must be right in every point', async () => {
  const next = newAccountKey()
  const other = await acme.client()
  const { newOrder } = await client.directory()
  const payload = { account: client.kid, oldKey: client.key.jwk }
  const cases: [RegExp, Parameters<AcmeClient['keyChange']>[1]][] = [
    [/oldKey/, { payload: { ...payload, oldKey: other.key.jwk } }],
    [/oldKey/, { payload: { ...payload, oldKey: next.jwk } }],
    [/oldKey/, { payload: { account: client.kid } }],
    [/account/, { payload: { ...payload, account: other.kid } }],
    [/account/, { payload: { oldKey: client.key.jwk } }],
    [/url/, { header: { url: newOrder } }],
    [/"url"/, { header: { url: undefined } }],
    [/nonce/, { header: { nonce: 'AAAA' } }],
    [/jwk/, { header: { jwk: undefined, kid: client.kid } }],
    [/both/, { header: { kid: client.kid } }],
    [/signature/, { key: client.key }],
  ]
  for (const [detail, inner] of cases) {
    await acme.refuses(() => client.keyChange(next, inner), 400, 'malformed', detail)
  }
  expect((await client.keyChange(next)).status).toBe(200)
})

test('a new key by MAC, or none at all, is refused', async () => {
  const { keyChange } = await client.directory()
  const header = { alg: 'HS256', jwk: { kty: 'oct', k: 'AAAA' }, url: keyChange }
  const payload = { account: client.kid, oldKey: client.key.jwk }
  await acme.refuses(
    () => client.post(keyChange, macJws(Buffer.alloc(3), header, payload)),
    400,
    'badSignatureAlgorithm',
  )
  await acme.refuses(() => client.post(keyChange, payload), 400, 'malformed')
  await acme.refuses(() => client.postAsGet(keyChange), 400, 'malformed')
  const jwk = { ...newAccountKey().jwk, crv: 'P-192' }
  await acme.refuses(() => client.keyChange(newAccountKey(), { header: { jwk } }), 400, 'badPublicKey')
})

test('the outer JWS is signed by the account, with its current key', async () => {
  const next = newAccountKey()
  await acme.refuses(() => client.keyChange(next, {}, { identify: 'jwk' }), 400, 'malformed')
  await acme.refuses(() => client.keyChange(next, {}, { key: next }), 400, 'malformed', /signature/)
})

test('of many changes at once one is made, and no other is a fault of the server', async () => {
  const keys = Array.from({ length: 8 }, () => newAccountKey())
  const replies = await Promise.all(keys.map((key) => client.keyChange(key)))
  const won = replies.findIndex(({ status }) => status === 200)
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(1)
  for (const [index, reply] of replies.entries()) {
    if (index === won) continue
    expect(['malformed', 'unauthorized']).toContain(errorType(reply.json))
    expectRefusal(reply, errorType(reply.json) === 'malformed' ? 400 : 403, errorType(reply.json) as never)
  }
  const renewed = acme.stranger(keys[won])
  renewed.kid = client.kid
  expect((await renewed.postAsGet(client.kid!)).status).toBe(200)
})
