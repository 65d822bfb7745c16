import { describe, expect, it } from 'vitest'
import { readRollover } from '../../../src/acme/jws/rollover.ts'
import { acmeRefusal, expectAcmeError } from '../refusal.ts'
import { base64url, flattened, KID, pair } from './signing.ts'

const url = 'https://ca.example.test/acme/key-change'
const current = pair('P-256')
const next = pair('P-256')
const header = { alg: 'ES256', jwk: next.jwk, url } as const
const change = { account: KID, oldKey: current.jwk }
const inner = (changes: object = {}, payload: unknown = change) =>
  flattened(next.privateKey, { ...header, ...changes }, payload)
const outer = (payload: unknown) => ({
  header: { alg: 'ES256', kid: KID, nonce: 'bm9uY2U', url },
  payload: payload as Record<string, unknown> | null,
})
const roll = (payload: unknown) => readRollover(outer(payload), current.account)
const refuses = (payload: unknown, reason: RegExp) =>
  expectAcmeError(() => roll(payload), 'malformed', reason)

describe('a key change', () => {
  it('gives the new key', async () => {
    expect((await roll(inner())).thumbprint).toEqual(next.account.thumbprint)
  })

  it.each([
    ['P-384', 'ES384'],
    ['RSA', 'PS256'],
    ['Ed25519', 'EdDSA'],
  ] as const)('may be to a key of another kind, %s', async (kind, alg) => {
    const { privateKey, jwk, account } = pair(kind)
    const key = await roll(flattened(privateKey, { alg, jwk, url }, { ...change, unknown: 1 }))
    expect(key.thumbprintText).toBe(account.thumbprintText)
  })

  it('may say more of the old key than makes it up', async () => {
    await roll(inner({}, { account: KID, oldKey: { ...current.jwk, alg: 'ES256', kid: 'old' } }))
  })
})

describe('what RFC 8555 7.3.5 has checked', () => {
  it.each([[null], [{}], [{ account: KID }]])('2: the payload %j is not a JWS', (payload) =>
    refuses(payload, /inner JWS/),
  )

  it('2: the inner JWS has the flattened form', async () => {
    await refuses({ ...inner(), header: {} }, /The inner JWS has the member "header"/)
    await refuses({ ...inner(), signatures: [] }, /The inner JWS has the member "signatures"/)
  })

  it('3: its header has the new key', async () => {
    await refuses(inner({ jwk: undefined }), /neither "jwk" nor "kid"/)
    await refuses(inner({ kid: KID }), /both "jwk" and "kid"/)
    await refuses(inner({ jwk: undefined, kid: KID }), /must have the new key as "jwk"/)
  })

  it('3: the new key is one that may be an account’s', async () => {
    const bad = (jwk: unknown, reason: RegExp) =>
      expectAcmeError(() => roll(inner({ jwk })), 'badPublicKey', reason)
    await bad({ ...next.jwk, d: 'AA' }, /secret key/)
    await bad({ ...next.jwk, crv: 'secp256k1' }, /not supported/)
    await bad({ kty: 'oct', x: 'AA' }, /not supported/)
  })

  it('4: the signature is by the new key', async () => {
    await refuses(
      { ...inner(), signature: inner().signature.replace(/^.{8}/, 'AAAAAAAA') },
      /JWS verification error/,
    )
    await refuses(flattened(current.privateKey, header, change), /JWS verification error/)
    await refuses({ ...inner(), payload: base64url({ ...change, x: 1 }) }, /JWS verification error/)
  })

  it.each(['none', 'HS256', 'RS512'])('4: alg %s is no signature', async (alg) => {
    const error = await acmeRefusal(() => roll({ ...inner(), protected: base64url({ ...header, alg }) }))
    expect(error.type).toBe('badSignatureAlgorithm')
    expect(error.options.algorithms).toContain('ES256')
  })

  it('4: the algorithm is one of the new key', () =>
    expectAcmeError(
      () => roll({ ...inner(), protected: base64url({ ...header, alg: 'RS256' }) }),
      'badSignatureAlgorithm',
      /not accepted for this key; use ES256/,
    ))

  it('5, 7: the payload names the account of the outer JWS', async () => {
    await refuses(inner({}, ''), /"account" in the inner JWS/)
    await refuses(inner({}, { oldKey: current.jwk }), /"account" in the inner JWS/)
    for (const account of [`${KID}0`, `${KID}/`, null, [KID], current.jwk]) {
      await refuses(inner({}, { ...change, account }), /"account" in the inner JWS/)
    }
  })

  it('5, 8: the payload has the account’s current key', async () => {
    await refuses(inner({}, { account: KID }), /"oldKey" in the inner JWS/)
    for (const oldKey of [next.jwk, pair('RSA').jwk, { ...current.jwk, y: current.jwk.x }, {}, null, 'key']) {
      await refuses(inner({}, { ...change, oldKey }), /"oldKey" in the inner JWS/)
    }
  })

  it('6: both URLs are the same', async () => {
    await refuses(inner({ url: `${url}/` }), /"url" of the inner JWS/)
    await refuses(inner({ url: undefined }), /string "url"/)
  })

  it('the inner JWS has no nonce', () => refuses(inner({ nonce: 'bm9uY2U' }), /must not have a "nonce"/))

  it('the outer JWS names an account', () =>
    expectAcmeError(
      () =>
        readRollover(
          { header: { alg: 'ES256', jwk: current.jwk, nonce: null, url }, payload: { ...inner() } },
          current.account,
        ),
      'malformed',
      /must name the account by "kid"/,
    ))
})
