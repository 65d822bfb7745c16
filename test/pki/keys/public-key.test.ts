import { execFileSync } from 'node:child_process'
import { createHash, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bitString, integer, NULL, octetString, oid, sequence } from '../../../src/pki/der/write.ts'
import { KEY_TYPES, type KeyType } from '../../../src/pki/keys/algorithms.ts'
import { generateKey } from '../../../src/pki/keys/generate.ts'
import { keyHash, keyIdentifier, readPublicKey } from '../../../src/pki/keys/public-key.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'
import { someModulus } from './moduli.ts'

const EC = '1.2.840.10045.2.1'
const P256 = '1.2.840.10045.3.1.7'
const RSA = '1.2.840.113549.1.1.1'
const ED25519 = '1.3.101.112'

const ecSpki = (namedCurve: string) =>
  generateKeyPairSync('ec', { namedCurve }).publicKey.export({ type: 'spki', format: 'der' })

function rsaSpki(
  bits: number,
  exponent: number | Buffer = 65537,
  change?: (modulus: Buffer) => unknown,
): Buffer {
  const modulus = someModulus(bits, change)
  return sequence(sequence(oid(RSA), NULL), bitString(sequence(integer(modulus), integer(exponent))))
}

const edSpki = (y: Buffer) => sequence(sequence(oid(ED25519)), bitString(y))

describe('keys that are read', () => {
  it.each(KEY_TYPES)('%s, as generateKey makes it', async (type) => {
    const key = await generateKey(type)
    expect(key.type).toBe('private')
    const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
    const read = readPublicKey(spki)
    const family = { E: 'ed25519', R: 'rsa', P: 'ec', s: 'ec' }[type[0]!]
    expect(read).toMatchObject({ type, family, spki })
    expect(read.keyObject.equals(createPublicKey(key))).toBe(true)
    expect(spki.subarray(-read.bits.length)).toEqual(read.bits)
  })

  it.each([2048, 3072, 4096])('RSA of %i bits, with the largest exponent that is taken', (bits) => {
    expect(readPublicKey(rsaSpki(bits, 0x7fffffff)).type).toBe(`RSA-${bits}` satisfies string as KeyType)
  })
})

describe('weak keys', () => {
  it.each([
    ['RSA of 512 bits', rsaSpki(512), /512 bits is too small/],
    ['RSA of 1024 bits', rsaSpki(1024), /1024 bits is too small/],
    ['RSA of 2047 bits', rsaSpki(2047), /2047 bits is too small/],
    ['RSA with exponent 3', rsaSpki(2048, 3), /smaller than 65537/],
    ['RSA with exponent 1', rsaSpki(2048, 1), /smaller than 65537/],
    ['RSA with exponent 65535', rsaSpki(2048, 65535), /smaller than 65537/],
    ['RSA with an even exponent', rsaSpki(2048, 65538), /exponent is even/],
    ['RSA with an even modulus', rsaSpki(2048, 65537, (n) => n.writeUInt8(0x10, 255)), /modulus is even/],
    ['P-192', ecSpki('prime192v1'), /P-192 is too weak/],
    ['P-224', ecSpki('secp224r1'), /P-224 is too weak/],
  ])('%s', (_, spki, reason) => expectRefusal(() => readPublicKey(spki), 'weakKey', reason))

  it('made by node:crypto: RSA-1024, and exponent 3', () => {
    for (const options of [{ modulusLength: 1024 }, { modulusLength: 2048, publicExponent: 3 }]) {
      const spki = generateKeyPairSync('rsa', options).publicKey.export({ type: 'spki', format: 'der' })
      expectRefusal(() => readPublicKey(spki), 'weakKey', /too small|smaller/)
    }
  })

  // Where a verifier accepts such a key, R of small order and S = 0 sign any message in a few tries.
  it('every Ed25519 point whose eightfold is the identity, with either sign', () => {
    for (const y of smallOrderYs()) {
      for (const sign of [0, 0x80]) {
        const bytes = Buffer.from(y)
        bytes[31]! |= sign
        expectRefusal(() => readPublicKey(edSpki(bytes)), 'weakKey', /small order/)
      }
    }
  })
})

/** y of the points of order 1, 2, 4 and 8, derived from the curve's equation instead of copied from the source. */
function smallOrderYs(): Buffer[] {
  const p = 2n ** 255n - 19n
  const power = (base: bigint, exponent: bigint): bigint => {
    let result = 1n
    for (let b = base % p, e = exponent; e > 0n; e >>= 1n, b = (b * b) % p)
      if (e & 1n) result = (result * b) % p
    return result
  }
  const root = (square: bigint) => {
    const half = power(square, (p + 3n) / 8n)
    const found = [half, (half * power(2n, (p - 1n) / 4n)) % p].find((x) => (x * x - square) % p === 0n)
    return found === undefined ? [] : [found, p - found]
  }
  const d = (-121665n * power(121666n, p - 2n)) % p
  // A point doubles to order 4 (y = 0) where y^2 = -x^2, so d*y^4 + 2*y^2 - 1 = 0.
  const ys = root((((1n + d) % p) + p) % p)
    .map((r) => ((((r - 1n) * power(((d % p) + p) % p, p - 2n)) % p) + p) % p)
    .flatMap(root)
  return [0n, 1n, p - 1n, ...ys].map((y) => Buffer.from(y.toString(16).padStart(64, '0'), 'hex').reverse())
}

it('there are five such y', () => expect(new Set(smallOrderYs().map(String)).size).toBe(5))

describe('keys of a kind that is not supported', () => {
  it.each([
    ['RSA of 2056 bits', rsaSpki(2056), /2056 bits is not supported/],
    ['RSA of 2560 bits', rsaSpki(2560), /2560 bits is not supported/],
    ['RSA of 8192 bits', rsaSpki(8192), /8192 bits is not supported/],
    ['RSA with an exponent of 32 bits', rsaSpki(2048, 0x80000001), /more than 31 bits/],
    [
      'RSA with an exponent as long as its modulus',
      rsaSpki(2048, Buffer.alloc(256, 0x55)),
      /more than 31 bits/,
    ],
    ['brainpoolP256r1', ecSpki('brainpoolP256r1'), /curve 1\.3\.36\.3\.3\.2\.8\.1\.1\.7 is not supported/],
    ['Ed448', generateKeyPairSync('ed448').publicKey.export({ type: 'spki', format: 'der' }), /Ed448/],
    ['X25519', generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'der' }), /X25519/],
    ['ML-DSA', sequence(sequence(oid('2.16.840.1.101.3.4.3.18')), bitString(Buffer.alloc(1952))), /4\.3\.18/],
  ])('%s', (_, spki, reason) => expectRefusal(() => readPublicKey(spki), 'unsupportedAlgorithm', reason))

  it('explicit curve parameters, though they be those of P-256', () => {
    const spki = execFileSync('openssl', [
      ...['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
      ...['-pkeyopt', 'ec_param_enc:explicit', '-outform', 'DER'],
    ])
    const explicit = execFileSync('openssl', ['pkey', '-inform', 'DER', '-pubout', '-outform', 'DER'], {
      input: spki,
    })
    expect(explicit.length).toBeGreaterThan(200)
    expectRefusal(() => readPublicKey(explicit), 'unsupportedAlgorithm', /name the curve/)
  })

  it('compressed and hybrid points', () => {
    const key = readPublicKey(ecSpki('P-256'))
    const parity = 0x02 | (key.bits[64]! & 1)
    const algorithm = sequence(oid(EC), oid(P256))
    const compressed = Buffer.concat([Buffer.from([parity]), key.bits.subarray(1, 33)])
    const hybrid = Buffer.concat([Buffer.from([0x04 | parity]), key.bits.subarray(1)])
    for (const point of [compressed, hybrid]) {
      // OpenSSL reads both: without the check one key would have three encodings.
      expect(
        createPublicKey({ key: sequence(algorithm, bitString(point)), format: 'der', type: 'spki' }),
      ).toBeDefined()
      expectRefusal(
        () => readPublicKey(sequence(algorithm, bitString(point))),
        'unsupportedAlgorithm',
        /uncompressed/,
      )
    }
  })
})

describe('bytes that are no key', () => {
  const p256 = ecSpki('P-256')
  const point = readPublicKey(p256).bits
  const offCurve = Buffer.from(point)
  offCurve[64]! ^= 1
  const beyondField = Buffer.concat([Buffer.from([4]), Buffer.alloc(64, 0xff)])
  const p256With = (bits: Buffer) => sequence(sequence(oid(EC), oid(P256)), bitString(bits))
  const rsaBits = bitString(sequence(integer(Buffer.alloc(256, 0x99)), integer(65537)))
  const nonCanonicalY = Buffer.alloc(32, 0xff)
  nonCanonicalY[0] = 0xf0
  nonCanonicalY[31] = 0x7f

  it.each([
    ['a point off the curve', p256With(offCurve), /not a valid key/],
    ['coordinates beyond the field', p256With(beyondField), /not a valid key/],
    ['no parameters', sequence(sequence(oid(EC)), bitString(point)), /parameters/],
    ['NULL parameters', sequence(sequence(oid(EC), NULL), bitString(point)), /parameters/],
    ['RSA without NULL', sequence(sequence(oid(RSA)), rsaBits), /parameters/],
    ['Ed25519 with NULL', sequence(sequence(oid(ED25519), NULL), bitString(randomBytes(32))), /parameters/],
    ['Ed25519 of 31 octets', edSpki(randomBytes(31)), /32 octets/],
    ['Ed25519 beyond the field', edSpki(nonCanonicalY), /canonical/],
    ['unused bits', sequence(sequence(oid(EC), oid(P256)), bitString(point, 1)), /unused bits/],
    ['an octet string', sequence(sequence(oid(EC), oid(P256)), octetString(point)), /tag 0x4/],
    ['bytes after the end', Buffer.concat([p256, Buffer.from([0])]), /after its end/],
    ['a third part', sequence(sequence(oid(EC), oid(P256)), bitString(point), NULL), /after its end/],
    ['a second parameter', sequence(sequence(oid(RSA), NULL, NULL), rsaBits), /after its end/],
    [
      'a negative modulus',
      sequence(sequence(oid(RSA), NULL), bitString(sequence(Buffer.from('020199', 'hex'), integer(65537)))),
      /not positive/,
    ],
    [
      'a zero modulus',
      sequence(sequence(oid(RSA), NULL), bitString(sequence(integer(0), integer(65537)))),
      /not positive/,
    ],
    [
      'bytes after the RSA key',
      sequence(sequence(oid(RSA), NULL), bitString(Buffer.concat([sequence(integer(1), integer(1)), NULL]))),
      /after its end/,
    ],
  ])('%s', (_, spki, reason) =>
    expectRefusal(() => readPublicKey(spki, 'malformedCsr'), 'malformedCsr', reason),
  )

  it('the point at infinity', () =>
    expectRefusal(() => readPublicKey(p256With(Buffer.from([0]))), 'unsupportedAlgorithm', /uncompressed/))

  it('a key that was damaged is refused or is a key, and nothing else is thrown', () => {
    const keys = [p256, rsaSpki(2048), edSpki(randomBytes(32)), ecSpki('P-521')]
    fc.assert(
      fc.property(fc.constantFrom(...keys), fc.nat(), fc.nat({ max: 255 }), (spki, at, octet) => {
        const damaged = Buffer.from(spki)
        damaged[at % spki.length] = octet
        const read = parsesOrRefuses(() => readPublicKey(damaged))
        if (read) expect(read.keyObject.export({ type: 'spki', format: 'der' })).toEqual(damaged)
      }),
      { numRuns: 1000 },
    )
  })
})

describe('identifiers', () => {
  it('keyIdentifier is the left of SHA-256 over the BIT STRING (RFC 7093 2, method 1)', () => {
    const key = readPublicKey(ecSpki('P-256'))
    const digest = createHash('sha256').update(key.spki.subarray(26)).digest()
    expect(keyIdentifier(key)).toEqual(digest.subarray(0, 20))
  })

  it('keyHash is SHA-256 over the whole', () => {
    const spki = ecSpki('P-256')
    expect(keyHash(spki)).toEqual(createHash('sha256').update(spki).digest())
  })
})
