import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LARGEST_JWS, parseJws, requireUrl } from '../../../src/acme/jws/parse.ts'
import { AcmeError } from '../../../src/acme/problem.ts'
import { acmeRefusal, expectAcmeError } from '../refusal.ts'
import { base64url, body, flattened, KID, pair, URL_OF_REQUEST } from './signing.ts'

const client = pair('P-256')
const HEADER = { alg: 'ES256', kid: KID, nonce: 'bm9uY2U', url: URL_OF_REQUEST } as const
const good = flattened(client.privateKey, HEADER, { identifiers: [] })
const withHeader = (header: unknown) => body({ ...good, protected: base64url(header) })
const { kid: _kid, ...withoutKid } = HEADER

function refuses(octets: Buffer, reason: RegExp, type: 'malformed' | 'badSignatureAlgorithm' = 'malformed') {
  return expectAcmeError(() => parseJws(octets), type, reason)
}

describe('a request', () => {
  it('is read', () => {
    expect(parseJws(body(good))).toEqual({
      protectedText: good.protected,
      payloadText: good.payload,
      signature: Buffer.from(good.signature, 'base64url'),
      header: HEADER,
      payload: { identifiers: [] },
    })
  })

  it('may bring its key', () => {
    const header = { ...withoutKid, jwk: client.jwk }
    expect(parseJws(withHeader(header)).header).toEqual(header)
  })

  it('may lack the nonce, which is for the caller to want', () => {
    const { nonce: _nonce, ...header } = HEADER
    expect(parseJws(withHeader(header)).header.nonce).toBeNull()
  })

  it('has the payload null for POST-as-GET, and {} where the client says {}', () => {
    expect(parseJws(body({ ...good, payload: '' })).payload).toBeNull()
    expect(parseJws(body({ ...good, payload: base64url({}) })).payload).toEqual({})
  })

  it('may have members that nobody knows, in the JWS and in its header', () => {
    const unknown = { ...good, protected: base64url({ ...HEADER, typ: 'x', x5c: [1] }), extra: {} }
    expect(parseJws(body(unknown)).header).toEqual(HEADER)
  })

  it('has no header beside the protected one, and no other signatures, where it says null', () => {
    expect(parseJws(body({ ...good, header: null, signatures: null })).header).toEqual(HEADER)
  })
})

describe('the form', () => {
  it.each([
    ['signatures', { ...good, signatures: [] }],
    ['signatures', { payload: good.payload, signatures: [good, good] }],
    ['header', { ...good, header: {} }],
    ['header', { ...good, header: { alg: 'ES256' } }],
  ])('"%s" is refused', (name, jws) => refuses(body(jws), new RegExp(`has the member "${name}"`)))

  it.each(['protected', 'payload', 'signature'])(
    '"%s" must be there, a string, canonical base64url',
    async (name) => {
      const { [name]: text, ...rest } = good as unknown as Record<string, string>
      await refuses(body(rest), new RegExp(`must have the member "${name}"`))
      for (const wrong of [null, 1, {}, [text]]) {
        await refuses(body({ ...rest, [name]: wrong }), new RegExp(`must have the member "${name}"`))
      }
      for (const wrong of [`${text}=`, `${text} `, `${text}\n`, `${text}+`, `${text}/`, 'A', 'AB', 'é']) {
        await refuses(body({ ...rest, [name]: wrong }), new RegExp(`"${name}" of the JWS is not base64url`))
      }
    },
  )

  it.each([
    ['the compact form', Buffer.from(`${good.protected}.${good.payload}.${good.signature}`), /not JSON/],
    ['a list', body([good]), /not a JSON object/],
    ['nothing', Buffer.alloc(0), /not JSON/],
    ['what is not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), /not JSON in UTF-8/],
    ['a member twice', Buffer.from(JSON.stringify(good).replace('{', '{"payload":"",')), /"payload" twice/],
  ])('%s is refused', (_what, octets, reason) => refuses(octets, reason))

  it('a body that is too large is refused before it is read, with 413', async () => {
    expect(() =>
      parseJws(Buffer.concat([body(good), Buffer.alloc(LARGEST_JWS, ' ')]).subarray(0, LARGEST_JWS)),
    ).not.toThrow()
    const error = await acmeRefusal(() => parseJws(Buffer.alloc(LARGEST_JWS + 1, ' ')))
    expect(error).toMatchObject({
      type: 'malformed',
      status: 413,
      detail: expect.stringMatching(/131072 octets/),
    })
  })

  it.each(['[]', '"text"', 'null', '{"a":1,"a":2}', '{'])('a payload %s is refused', (payload) =>
    refuses(body({ ...good, payload: base64url(payload) }), /payload of the JWS/),
  )
})

describe('the protected header', () => {
  it.each([
    'none',
    'None',
    '',
    'HS256',
    'HS512',
    'RS1',
    'RS512',
    'ES256K',
    'ES256 ',
    'constructor',
    '__proto__',
  ])('alg %j is refused, and those that are taken are listed', async (alg) => {
    const error = await acmeRefusal(() => parseJws(withHeader({ ...HEADER, alg })))
    expect(error.type).toBe('badSignatureAlgorithm')
    expect(error.detail).toMatch(/is not accepted/)
    expect(error.options.algorithms).toEqual(['ES256', 'ES384', 'ES512', 'RS256', 'PS256', 'EdDSA'])
    expect(error.status).toBe(400)
  })

  it('none is refused as an algorithm also where the signature is empty', () =>
    refuses(
      body({ ...good, protected: base64url({ ...HEADER, alg: 'none' }), signature: '' }),
      /"none" is not accepted/,
      'badSignatureAlgorithm',
    ))

  it('has nothing where it says null: neither key nor nonce', () => {
    expect(parseJws(withHeader({ ...HEADER, jwk: null })).header).toEqual(parseJws(withHeader(HEADER)).header)
    const { header } = parseJws(withHeader({ ...HEADER, jwk: client.jwk, kid: null, nonce: null }))
    expect(header).toMatchObject({ jwk: client.jwk, nonce: null })
    expect(header.kid).toBeUndefined()
  })

  it.each([
    ['no alg', { ...HEADER, alg: undefined }, /string "alg"/],
    ['an alg that is no string', { ...HEADER, alg: ['ES256'] }, /string "alg"/],
    ['no url', { ...HEADER, url: undefined }, /string "url"/],
    ['a url that is no string', { ...HEADER, url: {} }, /string "url"/],
    ['both jwk and kid', { ...HEADER, jwk: client.jwk }, /both "jwk" and "kid"/],
    ['neither jwk nor kid', withoutKid, /neither "jwk" nor "kid"/],
    ['a kid that is no string', { ...HEADER, kid: 7 }, /"kid" .* is not a string/],
    ['a jwk that is a string', { ...withoutKid, jwk: 'key' }, /"jwk" .* is not a JSON object/],
    ['a jwk that is null, and no kid', { ...withoutKid, jwk: null }, /neither "jwk" nor "kid"/],
    ['crit', { ...HEADER, crit: ['exp'], exp: 1 }, /"crit", which is not supported/],
    ['b64', { ...HEADER, b64: false }, /"b64", which is not supported/],
    ['b64 that says what is so anyway', { ...HEADER, b64: true }, /"b64", which is not supported/],
    ['a nonce that is no string', { ...HEADER, nonce: 1 }, /"nonce" .* is not base64url/],
    ['an empty nonce', { ...HEADER, nonce: '' }, /"nonce" .* is not base64url/],
    ['a nonce in base64', { ...HEADER, nonce: 'a+b/' }, /"nonce" .* is not base64url/],
    ['a padded nonce', { ...HEADER, nonce: 'bm9uY2U=' }, /"nonce" .* is not base64url/],
    ['a nonce with a line break', { ...HEADER, nonce: 'bm9uY2U\n' }, /"nonce" .* is not base64url/],
    ['a list for a header', [], /protected header of the JWS is not a JSON object/],
  ])('%s is refused', (_what, header, reason) => refuses(withHeader(header), reason))

  it('is refused if it is empty', () =>
    refuses(body({ ...good, protected: '' }), /protected header of the JWS is not JSON/))

  it('is refused if it has a name twice', () =>
    refuses(
      withHeader(JSON.stringify(HEADER).replace('{', '{"url":"https://elsewhere.example.test/",')),
      /"url" twice/,
    ))

  it('is refused if it is not UTF-8', () =>
    refuses(withHeader(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])), /not JSON in UTF-8/))

  it('cannot make a refusal long, or break its line', async () => {
    const error = await acmeRefusal(() =>
      parseJws(withHeader({ ...HEADER, alg: `\u202e\n${'x'.repeat(9000)}` })),
    )
    expect(error.detail.length).toBeLessThan(300)
    expect(error.detail).not.toMatch(/[\u202e\n]/)
  })
})

it('a JWS for another url is refused as unauthorized (RFC 8555 6.4)', async () => {
  const jws = parseJws(body(good))
  expect(() => requireUrl(jws, URL_OF_REQUEST)).not.toThrow()
  for (const other of [`${URL_OF_REQUEST}/`, 'https://ca.example.test/acme/revoke-cert', '']) {
    await expectAcmeError(() => requireUrl(jws, other), 'unauthorized', /is for the url/)
  }
})

it('whatever is sent is read or refused by an AcmeError, never anything else', () => {
  const readOrRefused = (octets: Buffer) => {
    try {
      parseJws(octets)
    } catch (error) {
      if (!(error instanceof AcmeError)) throw error
    }
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (octets) => readOrRefused(Buffer.from(octets))))
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (header, payload) => {
      readOrRefused(body({ ...good, protected: base64url(JSON.stringify(header)) }))
      readOrRefused(body({ ...good, payload: base64url(JSON.stringify(payload)) }))
      readOrRefused(withHeader({ ...HEADER, jwk: header, kid: payload }))
      readOrRefused(body(header))
    }),
  )
})
