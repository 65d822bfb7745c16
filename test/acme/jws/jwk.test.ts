import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isJwkOf, readJwk } from '../../../src/acme/jws/jwk.ts'
import { AcmeError } from '../../../src/acme/problem.ts'
import { readPublicKey } from '../../../src/pki/keys/public-key.ts'
import { someModulus } from '../../pki/keys/moduli.ts'
import { expectAcmeError } from '../refusal.ts'
import { pair } from './signing.ts'

const ec = pair('P-256').jwk
const rsa = pair('RSA').jwk
const ed = pair('Ed25519').jwk
const refuses = (jwk: unknown, reason: RegExp) => expectAcmeError(() => readJwk(jwk), 'badPublicKey', reason)
const octets = (text: string | undefined) => Buffer.from(text!, 'base64url')
const zeroBefore = (text: string | undefined) =>
  Buffer.concat([Buffer.alloc(1), octets(text)]).toString('base64url')

function modulus(bits: number, change?: (n: Buffer) => void): string {
  return someModulus(bits, change).toString('base64url')
}
const number = (value: number) => {
  const hex = value.toString(16)
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex').toString('base64url')
}

describe('a key', () => {
  it('has the thumbprint of RFC 7638 3.1, whatever else its JWK says', () => {
    const n =
      '0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw'
    const key = readJwk({ kty: 'RSA', n, e: 'AQAB', alg: 'RS256', kid: '2011-04-29' })
    expect(key.thumbprintText).toBe('NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs')
    expect(key.thumbprint.toString('base64url')).toBe(key.thumbprintText)
    expect(JSON.stringify(key.jwk)).toBe(`{"e":"AQAB","kty":"RSA","n":"${n}"}`)
  })

  it('has the thumbprint of RFC 8037 A.3', () => {
    const x = '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo'
    const key = readJwk({ kty: 'OKP', crv: 'Ed25519', x })
    expect(key.thumbprintText).toBe('kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k')
    expect(JSON.stringify(key.jwk)).toBe(`{"crv":"Ed25519","kty":"OKP","x":"${x}"}`)
  })

  it.each([
    ['P-256', ['ES256'], true],
    ['P-384', ['ES384'], false],
    ['P-521', ['ES512'], false],
    ['RSA', ['RS256', 'PS256'], true],
    ['Ed25519', ['EdDSA'], true],
  ] as const)('%s is read, with its algorithms and its subjectPublicKeyInfo', (kind, algorithms, fast) => {
    const { privateKey, jwk } = pair(kind)
    const key = readJwk({ ...jwk, use: 'sig', key_ops: ['verify'], kid: 'mine', unknown: [] })
    expect(key).toMatchObject({ algorithms, fast, jwk })
    expect(Object.keys(key.jwk)).toEqual(Object.keys(jwk).sort())
    expect(key.key.equals(createPublicKey(privateKey))).toBe(true)
    expect(readPublicKey(key.spki).keyObject.equals(key.key)).toBe(true)
  })

  it('may have members that say null, as classes of .NET write what was not set', () => {
    const unset = Object.fromEntries(
      ['d', 'p', 'q', 'dp', 'dq', 'qi', 'kid', 'use', 'alg'].map((name) => [name, null]),
    )
    const { jwk } = pair('RSA')
    expect(readJwk({ ...unset, ...jwk }).jwk).toEqual(jwk)
  })

  it.each([
    [2048, true],
    [2056, true],
    [4096, true],
    [4104, false],
    [8192, false],
  ])('RSA of %i bits is read', (bits, fast) => {
    const key = readJwk({ kty: 'RSA', n: modulus(bits), e: number(0x7fffffff) })
    expect(key).toMatchObject({ algorithms: ['RS256', 'PS256'], fast })
  })

  it('is found again in its JWK with other members, and in no other', () => {
    const key = readJwk(ec)
    expect(isJwkOf(ec, key)).toBe(true)
    expect(isJwkOf({ alg: 'ES256', ...ec }, key)).toBe(true)
    for (const other of [
      pair('P-256').jwk,
      rsa,
      ed,
      { ...ec, x: ec.y },
      { ...ec, y: `${ec.y}=` },
      {},
      [],
      null,
      'ec',
      undefined,
    ]) {
      expect(isJwkOf(other, key)).toBe(false)
    }
    const { y: _y, ...half } = ec
    expect(isJwkOf(half, key)).toBe(false)
  })
})

describe('what is no key to take', () => {
  it.each([
    ['nothing', undefined],
    ['null', null],
    ['a list', [ec]],
    ['a text', JSON.stringify(ec)],
  ])('%s', (_what, jwk) => refuses(jwk, /not a JSON object/))

  it.each([
    ['a secret', { kty: 'oct' }, /kty "oct" are not supported/],
    ['a kty that nobody knows', { ...ec, kty: 'ec' }, /kty "ec" are not supported/],
    ['no kty', { ...ec, kty: undefined }, /member "kty"/],
    ['secp256k1', { ...ec, crv: 'secp256k1' }, /curve "secp256k1" are not supported/],
    ['a curve by a name of every object', { ...ec, crv: 'constructor' }, /curve "constructor" are not/],
    ['a curve that is no string', { ...ec, crv: ['P-256'] }, /member "crv"/],
    ['a key on another curve', { ...ec, crv: 'P-384' }, /does not have 48 octets/],
    ['Ed448', { kty: 'OKP', crv: 'Ed448', x: randomBytes(57).toString('base64url') }, /"Ed448" are not/],
    ['X25519', { ...ed, crv: 'X25519' }, /"X25519" are not supported/],
  ])('%s', (_what, jwk, reason) => refuses(jwk, reason))

  it.each([
    ['EC', generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey],
    ['RSA', generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey],
    ['Ed25519', generateKeyPairSync('ed25519').privateKey],
  ])('a private key, %s', (_kind, key) => refuses(key.export({ format: 'jwk' }), /of a secret key/))

  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'])(
    'the secret member "%s" alone, even empty',
    async (name) => {
      for (const jwk of [ec, rsa, ed])
        await refuses({ ...jwk, [name]: '' }, new RegExp(`member "${name}" of`))
    },
  )

  it.each([
    ['x', ec],
    ['y', ec],
    ['n', rsa],
    ['e', rsa],
    ['x', ed],
  ])('a "%s" that is missing, no string, or not canonical base64url', async (name, jwk) => {
    const text = jwk[name]!
    for (const wrong of [undefined, null, 1, [text]])
      await refuses({ ...jwk, [name]: wrong }, /must have the member/)
    for (const wrong of [
      `${text}=`,
      `${text}\n`,
      ` ${text}`,
      octets(text).toString('base64').replace(/=*$/, '=='),
      'A',
    ]) {
      await refuses({ ...jwk, [name]: wrong }, /not base64url/)
    }
    await refuses({ ...jwk, [name]: '' }, /octets|empty/)
  })

  it('a coordinate that is too long or too short', async () => {
    for (const name of ['x', 'y']) {
      await refuses({ ...ec, [name]: zeroBefore(ec[name]) }, /does not have 32 octets/)
      await refuses({ ...ec, [name]: octets(ec[name]).subarray(1).toString('base64url') }, /does not have 32/)
    }
    await refuses({ ...ed, x: zeroBefore(ed.x) }, /must have 32 octets/)
  })

  it('a point that is not on the curve', async () => {
    await refuses({ ...ec, x: ec.y, y: ec.x }, /not a valid key/)
    await refuses(
      { ...ec, x: Buffer.alloc(32).toString('base64url'), y: Buffer.alloc(32).toString('base64url') },
      /not a valid/,
    )
    await refuses({ ...ec, x: Buffer.alloc(32, 0xff).toString('base64url') }, /not a valid key/)
  })

  it.each([
    ['RSA of 1024 bits', modulus(1024), 'AQAB', /1024 bits are not accepted/],
    ['RSA of 2047 bits', modulus(2047), 'AQAB', /2047 bits are not accepted/],
    ['RSA of 8193 bits', modulus(8193), 'AQAB', /8193 bits are not accepted/],
    ['an even modulus', modulus(2048, (n) => n.writeUInt8(2, 255)), 'AQAB', /modulus is even/],
    ['a leading zero in n', zeroBefore(modulus(2048)), 'AQAB', /begins with a zero/],
    ['a leading zero in e', modulus(2048), zeroBefore('AQAB'), /begins with a zero/],
    ['the exponent 1', modulus(2048), number(1), /smaller than 65537/],
    ['the exponent 3', modulus(2048), number(3), /smaller than 65537/],
    ['the exponent 65535', modulus(2048), number(65535), /smaller than 65537/],
    ['an even exponent', modulus(2048), number(65538), /exponent is even/],
    ['an exponent of 32 bits', modulus(2048), number(0x80000001), /more than 31 bits/],
    ['an exponent as long as the modulus', modulus(2048), modulus(2048), /more than 31 bits/],
  ])('%s', (_what, n, e, reason) => refuses({ kty: 'RSA', n, e }, reason))

  it('Ed25519 points of small order, and second spellings', async () => {
    await refuses({ ...ed, x: Buffer.alloc(32).toString('base64url') }, /small order/)
    const second = Buffer.alloc(32, 0xff)
    second[31] = 0x7f
    await refuses({ ...ed, x: second.toString('base64url') }, /canonical/)
  })

  it('is refused by an AcmeError, whatever it is', () => {
    const member = fc.oneof(
      fc.jsonValue(),
      fc.uint8Array({ maxLength: 70 }).map((x) => Buffer.from(x).toString('base64url')),
    )
    const kty = fc.constantFrom('EC', 'RSA', 'OKP')
    const crv = fc.constantFrom('P-256', 'P-384', 'P-521', 'Ed25519')
    fc.assert(
      fc.property(fc.record({ kty, crv, x: member, y: member, n: member, e: member }), (jwk) => {
        try {
          readJwk(jwk)
        } catch (error) {
          if (!(error instanceof AcmeError)) throw error
          expect(error.type).toBe('badPublicKey')
        }
      }),
    )
  })
})
