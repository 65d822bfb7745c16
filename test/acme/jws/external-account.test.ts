import { createHmac, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { readExternalBinding } from '../../../src/acme/jws/external-account.ts'
import { AcmeError } from '../../../src/acme/problem.ts'
import { acmeRefusal, expectAcmeError } from '../refusal.ts'
import { base64url, flattened, macked, pair } from './signing.ts'

const url = 'https://ca.example.test/acme/new-account'
const client = pair('P-256')
const outer = { url, accountKey: client.account }
const secret = randomBytes(32)
const header = { alg: 'HS256', kid: 'eab-1', url }
const bind = (changes: object = {}, payload: unknown = client.jwk) =>
  macked(secret, { ...header, ...changes }, payload)
const read = (value: unknown) => readExternalBinding(value, outer)
const refuses = (value: unknown, reason: RegExp) => expectAcmeError(() => read(value), 'malformed', reason)

describe('a binding', () => {
  it.each(['HS256', 'HS384', 'HS512'])('by %s is read, and its MAC is proven by the secret alone', (alg) => {
    const binding = read(bind({ alg }))
    expect(binding).toMatchObject({ kid: 'eab-1', alg })
    expect(binding.verify(secret)).toBe(true)
    expect(binding.verify(randomBytes(32))).toBe(false)
    expect(binding.verify(Buffer.concat([secret, Buffer.from([1])]))).toBe(false)
    expect(binding.verify(Buffer.alloc(0))).toBe(false)
  })

  it('is for the account’s key of any kind, whose JWK may say more', () => {
    for (const kind of ['P-384', 'RSA', 'Ed25519'] as const) {
      const { jwk, account } = pair(kind)
      const binding = readExternalBinding(bind({}, { ...jwk, use: 'sig' }), { url, accountKey: account })
      expect(binding.verify(secret)).toBe(true)
    }
  })

  it('does not verify with a MAC that is cut, lengthened, empty, or of another algorithm', () => {
    const good = bind()
    const mac = Buffer.from(good.signature, 'base64url')
    for (const signature of [
      mac.subarray(0, 31),
      mac.subarray(0, 16),
      Buffer.alloc(0),
      Buffer.concat([mac, Buffer.alloc(1)]),
      Buffer.alloc(32),
      createHmac('sha512', secret).update(`${good.protected}.${good.payload}`).digest(),
    ]) {
      expect(read({ ...good, signature: base64url(signature) }).verify(secret)).toBe(false)
    }
  })

  it('never verifies once a bit of it is changed', () => {
    const whole = JSON.stringify(bind())
    fc.assert(
      fc.property(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 6 }), (at, bit) => {
        const octets = Buffer.from(whole)
        octets[at]! ^= 1 << bit
        try {
          expect(read(JSON.parse(octets.toString())).verify(secret)).toBe(false)
        } catch (error) {
          if (!(error instanceof AcmeError) && !(error instanceof SyntaxError)) throw error
        }
      }),
      { numRuns: 500 },
    )
  })
})

describe('what is refused', () => {
  it.each(['none', 'ES256', 'RS256', 'HS1', 'hs256', 'HS256 '])(
    'alg %j, and the MACs are listed',
    async (alg) => {
      const error = await acmeRefusal(() => read({ ...bind(), protected: base64url({ ...header, alg }) }))
      expect(error.type).toBe('badSignatureAlgorithm')
      expect(error.options.algorithms).toEqual(['HS256', 'HS384', 'HS512'])
    },
  )

  it('a signature by the account’s key in place of a MAC', () =>
    expectAcmeError(
      () => read(flattened(client.privateKey, { alg: 'ES256', kid: 'eab-1', url }, client.jwk)),
      'badSignatureAlgorithm',
      /"ES256" is not accepted for the externalAccountBinding/,
    ))

  it.each([
    ['no kid', { kid: undefined }, /neither "jwk" nor "kid"/],
    ['an empty kid', { kid: '' }, /must have the "kid"/],
    ['a kid that is no string', { kid: 1 }, /"kid" .* is not a string/],
    ['a jwk', { jwk: client.jwk }, /both "jwk" and "kid"/],
    ['a jwk in place of the kid', { kid: undefined, jwk: client.jwk }, /must have the "kid"/],
    ['a nonce', { nonce: 'bm9uY2U' }, /must not have a "nonce"/],
    ['an empty nonce', { nonce: '' }, /"nonce" .* is not base64url/],
    ['no url', { url: undefined }, /string "url"/],
    ['another url', { url: `${url}/` }, /"url" .* is not that of the JWS around it/],
    ['crit', { crit: ['b64'], b64: true }, /"crit", which is not supported/],
  ])('%s', async (_what, changes, reason) => {
    // JSON leaves out what is undefined.
    await refuses(bind(changes), reason)
  })

  it.each([
    ['another key', pair('P-256').jwk],
    ['a key of another kind', pair('Ed25519').jwk],
    ['a part of the key', { kty: 'EC', crv: 'P-256', x: client.jwk.x }],
    ['the key in another spelling', { ...client.jwk, x: `${client.jwk.x}=` }],
    ['nothing that is a key', {}],
    ['nothing', ''],
  ])('a payload that is %s', (_what, payload) => refuses(bind({}, payload), /is not the key that signs/))

  it.each([undefined, null, 'text', [], [bind()]])('a value that is no JWS: %j', (value) =>
    refuses(value, /^The externalAccountBinding is not a JSON object/),
  )

  it('a JWS that is not of the flattened form', async () => {
    await refuses({ ...bind(), header: { kid: 'eab-2' } }, /has the member "header"/)
    await refuses({ ...bind(), signatures: [bind()] }, /has the member "signatures"/)
    await refuses({ ...bind(), payload: undefined }, /must have the member "payload"/)
    await refuses({ ...bind(), signature: 'AB' }, /"signature" .* is not base64url/)
  })
})
