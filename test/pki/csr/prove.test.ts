import {
  constants,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  type SignKeyObjectInput,
  sign,
} from 'node:crypto'
import { beforeAll, describe, expect, it, test } from 'vitest'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import { possessionOf, proveCsr, prove as proveHere } from '../../../src/pki/csr/prove.ts'
import { context, integer, NULL, oid, sequence } from '../../../src/pki/der/write.ts'
import { type HashName, SIGNATURE_ALGORITHMS } from '../../../src/pki/keys/algorithms.ts'
import { generateKey } from '../../../src/pki/keys/generate.ts'
import { expectRefusal, expectRefused } from '../refusal.ts'
import { buildCsr, type CsrParts } from './building.ts'

const keys: Record<'ec' | 'rsa' | 'ed25519', KeyObject> = {
  ec: generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  ed25519: generateKeyPairSync('ed25519').privateKey,
}
const prove = async (parts: CsrParts) => proveCsr(parseCsr(buildCsr(parts)))

describe('signatures that prove the key', () => {
  it.each(SIGNATURE_ALGORITHMS)('$name', async ({ family, hash, identifier: algorithm }) => {
    const key = keys[family]
    await prove({ key, algorithm, sign: (info) => sign(hash, info, key) })
  })

  it('RSA whose parameters are absent instead of NULL (RFC 4055 5)', async () => {
    await prove({ key: keys.rsa, algorithm: sequence(oid('1.2.840.113549.1.1.11')) })
  })
})

describe('signatures that do not', () => {
  let stranger: KeyObject
  beforeAll(async () => {
    stranger = await generateKey('P-256')
  })

  it('by another key', async () => {
    const parts: CsrParts = { key: keys.ec, sign: (info) => sign('sha256', info, stranger) }
    await expectRefused(prove(parts), 'badCsrSignature', /not made by its key/)
  })

  it('over other bytes, of another hash, of no bytes, in the raw form of WebCrypto', async () => {
    const key = keys.ec
    const makers: ((info: Buffer) => Buffer)[] = [
      (info) => sign('sha256', info.subarray(1), key),
      (info) => sign('sha384', info, key),
      () => Buffer.alloc(0),
      (info) => sign('sha256', info, { key, dsaEncoding: 'ieee-p1363' }),
      (info) => Buffer.concat([sign('sha256', info, key), Buffer.from([0])]),
      // r = s = 0 (CVE-2022-21449)
      () => sequence(integer(0), integer(0)),
    ]
    for (const make of makers) {
      await expectRefused(prove({ key, sign: make }), 'badCsrSignature', /not made by its key/)
    }
  })

  it.each(
    SIGNATURE_ALGORITHMS.flatMap((algorithm) =>
      (['ec', 'rsa', 'ed25519'] as const)
        .filter((other) => other !== algorithm.family)
        .map((other) => ({ algorithm, other })),
    ),
  )('$algorithm.name on a key of the family $other', ({ algorithm, other }) =>
    expectRefused(
      prove({ key: keys[other], algorithm: algorithm.identifier }),
      'badCsrSignature',
      /does not fit/,
    ),
  )
})

test('A key off its curve is a malformed CSR, in libuv’s pool and in the thread that waits', async () => {
  const key = await generateKey('P-256')
  const spki = createPublicKey(key).export({ type: 'spki', format: 'der' })
  spki[spki.length - 1]! ^= 1
  const csr = parseCsr(buildCsr({ key, spki }))
  await expectRefused(proveCsr(csr), 'malformedCsr', /not a valid key/)
  expectRefusal(() => proveHere(possessionOf(csr)), 'malformedCsr', /not a valid key/)
})

describe('algorithms that are not accepted', () => {
  it.each([
    ['1.2.840.113549.1.1.5', 'sha1', /SHA-1 with RSA/],
    ['1.2.840.113549.1.1.4', 'md5', /MD5 with RSA/],
    ['1.2.840.113549.1.1.14', 'sha224', /1\.2\.840\.113549\.1\.1\.14/],
  ])('%s', async (dotted, hash, reason) => {
    const key = keys.rsa
    const parts: CsrParts = {
      key,
      algorithm: sequence(oid(dotted), NULL),
      sign: (info) => sign(hash, info, key),
    }
    await expectRefused(prove(parts), 'unsupportedAlgorithm', reason)
  })

  it('ECDSA with SHA-1', async () => {
    const parts: CsrParts = {
      key: keys.ec,
      algorithm: sequence(oid('1.2.840.10045.4.1')),
      sign: (info) => sign('sha1', info, keys.ec),
    }
    await expectRefused(prove(parts), 'unsupportedAlgorithm', /SHA-1 with ECDSA/)
  })

  it('parameters where there are none', async () => {
    for (const [key, dotted] of [
      [keys.ec, '1.2.840.10045.4.3.2'],
      [keys.ed25519, '1.3.101.112'],
    ] as const) {
      await expectRefused(
        prove({ key, algorithm: sequence(oid(dotted), NULL) }),
        'unsupportedAlgorithm',
        /parameters it cannot have/,
      )
    }
    const algorithm = sequence(oid('1.2.840.113549.1.1.11'), integer(1))
    await expectRefused(
      prove({ key: keys.rsa, algorithm }),
      'unsupportedAlgorithm',
      /parameters it cannot have/,
    )
  })
})

describe('RSASSA-PSS', () => {
  const HASH_OID = {
    sha1: '1.3.14.3.2.26',
    sha256: '2.16.840.1.101.3.4.2.1',
    sha384: '2.16.840.1.101.3.4.2.2',
    sha512: '2.16.840.1.101.3.4.2.3',
  }
  const hashAlgorithm = (hash: keyof typeof HASH_OID) => sequence(oid(HASH_OID[hash]), NULL)
  const mgf1 = (hash: keyof typeof HASH_OID) => sequence(oid('1.2.840.113549.1.1.8'), hashAlgorithm(hash))
  const pss = (...parameters: Buffer[]) => sequence(oid('1.2.840.113549.1.1.10'), sequence(...parameters))
  const standard = (hash: HashName, salt: number, ...more: Buffer[]) =>
    pss(context(0, hashAlgorithm(hash)), context(1, mgf1(hash)), context(2, integer(salt)), ...more)
  const provePss = async (algorithm: Buffer, saltLength: number, hash = 'sha256', key = keys.rsa) => {
    const input: SignKeyObjectInput = { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
    await prove({ key, algorithm, sign: (info) => sign(hash, info, input) })
  }

  it.each([
    ['sha256', 32],
    ['sha256', 20],
    ['sha256', 222],
    ['sha384', 48],
    ['sha512', 64],
  ] as const)('%s with a salt of %i octets proves the key', async (hash, salt) => {
    await provePss(standard(hash, salt), salt, hash)
  })

  it('the default salt, absent hash parameters and a trailer of 1 prove it', async () => {
    await provePss(pss(context(0, hashAlgorithm('sha256')), context(1, mgf1('sha256'))), 20)
    const bare = sequence(oid(HASH_OID.sha256))
    const mask = sequence(oid('1.2.840.113549.1.1.8'), bare)
    await provePss(
      pss(context(0, bare), context(1, mask), context(2, integer(32)), context(3, integer(1))),
      32,
    )
  })

  it.each([
    ['no parameters', sequence(oid('1.2.840.113549.1.1.10')), /means SHA-1/],
    ['empty parameters', pss(), /means SHA-1/],
    ['no mask generation', pss(context(0, hashAlgorithm('sha256'))), /means SHA-1/],
    ['no hash', pss(context(1, mgf1('sha256'))), /means SHA-1/],
    ['SHA-1', pss(context(0, hashAlgorithm('sha1')), context(1, mgf1('sha1'))), /other than SHA-256/],
    ['two hashes', pss(context(0, hashAlgorithm('sha256')), context(1, mgf1('sha512'))), /another hash/],
    [
      'another mask generation',
      pss(context(0, hashAlgorithm('sha256')), context(1, sequence(oid('1.2.3'), hashAlgorithm('sha256')))),
      /other than MGF1/,
    ],
    ['a salt of nothing', standard('sha256', 0), /salt of 0/],
    ['a salt of a thousand octets', standard('sha256', 1000), /salt of 1000/],
    ['an unknown trailer', standard('sha256', 32, context(3, integer(2))), /trailer/],
  ])('%s is not accepted', (_, algorithm, reason) =>
    expectRefused(provePss(algorithm, 32), 'unsupportedAlgorithm', reason),
  )

  it.each([
    ['parameters out of order', pss(context(1, mgf1('sha256')), context(0, hashAlgorithm('sha256')))],
    ['an unknown parameter', standard('sha256', 32, context(4, NULL))],
    [
      'a hash with parameters',
      pss(context(0, sequence(oid(HASH_OID.sha256), integer(1))), context(1, mgf1('sha256'))),
    ],
    ['parameters that are NULL', sequence(oid('1.2.840.113549.1.1.10'), NULL)],
    ['something after the parameters', sequence(oid('1.2.840.113549.1.1.10'), sequence(), NULL)],
  ])('%s is malformed', (_, algorithm) =>
    expectRefused(provePss(algorithm, 32), 'malformedCsr', /not valid DER/),
  )

  it('a salt of another length than was said, or than the key can hold, proves nothing', async () => {
    await expectRefused(provePss(standard('sha256', 32), 20), 'badCsrSignature', /not made by its key/)
    await expectRefused(provePss(standard('sha256', 478), 222), 'badCsrSignature', /not made by its key/)
  })

  it('a PKCS #1 v1.5 signature is none', async () => {
    expect(keys.rsa.asymmetricKeyType).toBe('rsa')
    const parts: CsrParts = { key: keys.rsa, algorithm: standard('sha256', 32) }
    await expectRefused(prove(parts), 'badCsrSignature', /not made by its key/)
  })
})
