import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Extension } from '../../../src/pki/certificate/extensions.ts'
import { authorityKeyIdentifier, encodeExtensions } from '../../../src/pki/certificate/extensions.ts'
import { crlDer } from '../../../src/pki/crl/der-or-pem.ts'
import { encodeCrlEntry } from '../../../src/pki/crl/entry.ts'
import { encodeCrlTbs } from '../../../src/pki/crl/list.ts'
import { type CrlInfo, parseCrl } from '../../../src/pki/crl/parse.ts'
import { readCrlEntries } from '../../../src/pki/crl/parse-entry.ts'
import {
  context,
  enumerated,
  integer,
  NULL,
  octetString,
  oid,
  sequence,
  time,
  tlv,
} from '../../../src/pki/der/write.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../../../src/pki/keys/algorithms.ts'
import { assembleSigned } from '../../../src/pki/signed.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'

const ISSUER = encodeName([
  { type: 'O', value: 'Example' },
  { type: 'CN', value: 'Test Root' },
])
const ALGORITHM = SIGNATURE_ALGORITHMS[0]!
const SIGNATURE = Buffer.alloc(70, 3)
const KEY = Buffer.alloc(20, 7)

const seconds = fc.integer({ min: 0, max: 4_102_444_800 })
const entry = fc.record({
  serialNumber: fc
    .uint8Array({ minLength: 1, maxLength: 19 })
    .map((bytes) => Buffer.from([0x40, ...bytes]).toString('hex')),
  revokedAt: seconds,
  reason: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 9, 10),
  invalidityDate: fc.option(seconds),
})
const crl = fc.record({
  signature: fc.constantFrom(...SIGNATURE_ALGORITHMS),
  thisUpdate: seconds,
  nextUpdate: seconds,
  entries: fc.array(entry, { maxLength: 6 }),
  authorityKeyIdentifier: fc.uint8Array({ minLength: 1, maxLength: 32 }),
  number: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
})

test('a CRL of ours is read as it was meant', () => {
  fc.assert(
    fc.property(crl, ({ entries, ...given }) => {
      const encoded = entries.map(encodeCrlEntry)
      const tbs = encodeCrlTbs({ ...given, issuer: ISSUER, entries: Buffer.concat(encoded) })
      const der = assembleSigned(tbs, given.signature, SIGNATURE)
      expect(parseCrl(der)).toEqual({
        der,
        tbs,
        signatureAlgorithm: { oid: given.signature.oid, der: given.signature.identifier },
        signature: SIGNATURE,
        issuer: ISSUER,
        thisUpdate: given.thisUpdate,
        nextUpdate: given.nextUpdate,
        number: BigInt(given.number),
        authorityKeyIdentifier: { key: Buffer.from(given.authorityKeyIdentifier), certificate: null },
        count: entries.length,
        entries: Buffer.concat(encoded),
        isDelta: false,
        isPartial: false,
        unknownCritical: null,
      } satisfies CrlInfo)
      expect([...readCrlEntries(parseCrl(der).entries)]).toEqual(
        entries.map(({ serialNumber, revokedAt, reason, invalidityDate }, i) => ({
          bytes: encoded[i],
          serialNumber,
          revokedAt,
          reason,
          invalidityDate,
          unknownCritical: null,
        })),
      )
    }),
  )
})

const AKI = authorityKeyIdentifier(KEY)
const number = (value: Buffer): Extension => ({ oid: '2.5.29.20', critical: false, value })
const NUMBER = sequence(oid('2.5.29.20'), octetString(integer(1)))

interface Parts {
  readonly version?: Buffer[]
  readonly issuer?: Buffer
  readonly times?: Buffer[]
  readonly revoked?: Buffer[]
  readonly extensions?: readonly Extension[]
  readonly outer?: Buffer
  readonly rest?: Buffer[]
}

/** A CRL put together by hand, each part open to a mistake. */
function handMade(parts: Parts = {}): Buffer {
  const { extensions = [AKI, number(integer(5))] } = parts
  const tbs = sequence(
    ...(parts.version ?? [integer(1)]),
    ALGORITHM.identifier,
    parts.issuer ?? ISSUER,
    ...(parts.times ?? [time(1_000_000_000), time(1_100_000_000)]),
    ...(parts.revoked ?? []),
    ...(extensions.length > 0 ? [context(0, encodeExtensions(extensions))] : []),
    ...(parts.rest ?? []),
  )
  const bits = Buffer.concat([Buffer.of(0), SIGNATURE])
  return sequence(tbs, parts.outer ?? ALGORITHM.identifier, tlv(0x03, bits))
}

const revokedWith = (...extensions: Extension[]) =>
  sequence(
    sequence(
      integer(9),
      time(1_000_000_000),
      ...(extensions.length > 0 ? [encodeExtensions(extensions)] : []),
    ),
  )

describe('a CRL of somebody else', () => {
  test('may lack what RFC 5280 lets a syntax lack', () => {
    expect(parseCrl(handMade({ times: [time(1_000_000_000)], extensions: [] }))).toMatchObject({
      thisUpdate: 1_000_000_000,
      nextUpdate: null,
      number: null,
      authorityKeyIdentifier: { key: null, certificate: null },
      count: 0,
    })
  })

  test('may have a number of 20 octets', () => {
    const octets = Buffer.alloc(20, 0x7f)
    expect(parseCrl(handMade({ extensions: [number(integer(octets))] })).number).toBe(
      BigInt(`0x${octets.toString('hex')}`),
    )
  })

  test('says that it is a delta, or has an issuing distribution point, or is beyond what is known', () => {
    const extra = (dotted: string, critical = true) => {
      const extension = { oid: dotted, critical, value: dotted === '2.5.29.27' ? integer(4) : sequence() }
      const { isDelta, isPartial, unknownCritical } = parseCrl(handMade({ extensions: [AKI, extension] }))
      return { isDelta, isPartial, unknownCritical }
    }
    const plain = { isDelta: false, isPartial: false, unknownCritical: null }
    expect(extra('2.5.29.27')).toEqual({ ...plain, isDelta: true })
    expect(extra('2.5.29.28')).toEqual({ ...plain, isPartial: true })
    expect(extra('1.2.3')).toEqual({ ...plain, unknownCritical: '1.2.3' })
    expect(extra('1.2.3', false)).toEqual(plain)
  })

  test('may have a critical extension in an entry: certificateIssuer makes it an indirect CRL', () => {
    const issuer = { oid: '2.5.29.29', critical: true, value: sequence() }
    expect(parseCrl(handMade({ revoked: [revokedWith(issuer)] })).unknownCritical).toBe('2.5.29.29')
    const reason = { oid: '2.5.29.21', critical: true, value: enumerated(1) }
    expect(parseCrl(handMade({ revoked: [revokedWith(reason)] })).unknownCritical).toBeNull()
  })

  const reason = (value: Buffer): Parts => ({
    revoked: [revokedWith({ oid: '2.5.29.21', critical: false, value })],
  })
  test.each<[string, Parts, RegExp]>([
    ['version 1', { version: [] }, /version 1, which has no cRLNumber/],
    ['version 3', { version: [integer(2)] }, /not of version 2/],
    ['no issuer', { issuer: sequence() }, /no issuer/],
    ['no times', { times: [] }, /time/],
    [
      'an empty list',
      { revoked: [sequence()] },
      /empty list of revoked.*make the CRL with "openssl ca -gencrl"/,
    ],
    ['something behind the extensions', { rest: [NULL] }, /after its end/],
    ['two numbers', { extensions: [], rest: [context(0, sequence(NUMBER, NUMBER))] }, /twice/],
    ['an empty list of extensions', { extensions: [], rest: [context(0, sequence())] }, /empty list of ext/],
    ['a negative number', { extensions: [number(Buffer.from('0201ff', 'hex'))] }, /cRLNumber/],
    ['a number of 21 octets', { extensions: [number(integer(Buffer.alloc(21, 1)))] }, /cRLNumber/],
    [
      'a number with more behind it',
      { extensions: [number(Buffer.concat([integer(1), NULL]))] },
      /after its end/,
    ],
    ['another algorithm outside', { outer: SIGNATURE_ALGORITHMS[1]!.identifier }, /two different signature/],
    ['reason 7, which is not used', reason(enumerated(7)), /reasonCode/],
    ['a reason of two octets', reason(Buffer.from('0a020001', 'hex')), /reasonCode/],
    ['a reason that is no ENUMERATED', reason(integer(1)), /tag/],
    [
      'an invalidity date in UTCTime',
      { revoked: [revokedWith({ oid: '2.5.29.24', critical: false, value: time(1_000_000_000) })] },
      /GeneralizedTime/,
    ],
    ['an entry without a date', { revoked: [sequence(sequence(integer(9)))] }, /ends too early/],
    [
      'a negative serial number',
      { revoked: [sequence(sequence(Buffer.from('0201ff', 'hex'), time(1)))] },
      /serial number that is negative/,
    ],
    ['something else in the list', { revoked: [sequence(octetString(oid('1.2.3')))] }, /tag/],
  ])('is refused with %s', (_what, parts, detail) => {
    expectRefusal(() => parseCrl(handMade(parts), 'badCrl'), 'badCrl', detail)
  })
})

describe('damage', () => {
  const honest = handMade({
    revoked: [revokedWith({ oid: '2.5.29.21', critical: false, value: enumerated(1) })],
  })

  test('of any bit is read or refused, never anything else', () => {
    expect(parseCrl(honest).count).toBe(1)
    for (let bit = 0; bit < honest.length * 8; bit++) {
      const flipped = Buffer.from(honest)
      flipped[bit >> 3]! ^= 0x80 >> (bit & 7)
      // What is still read must be the bytes that were given, not a reading of others.
      const read = parsesOrRefuses(() => parseCrl(flipped, 'badCrl'))
      if (read) expect(read.der.equals(flipped)).toBe(true)
    }
  })

  test('by cutting is always refused', () => {
    for (let length = 0; length < honest.length; length++) {
      expect(parsesOrRefuses(() => parseCrl(honest.subarray(0, length)))).toBeUndefined()
    }
    expect(parsesOrRefuses(() => parseCrl(Buffer.concat([honest, NULL])))).toBeUndefined()
  })

  test('garbage is always refused', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(parsesOrRefuses(() => parseCrl(bytes))).toBeUndefined()
        expect(parsesOrRefuses(() => parseCrl(sequence(sequence(integer(1), bytes))))).toBeUndefined()
      }),
    )
  })
})

describe('the form', () => {
  const der = handMade()
  const pem = (label: string) =>
    `-----BEGIN ${label}-----\n${der.toString('base64').replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`

  test('is DER or PEM, told apart by itself', () => {
    expect(crlDer(der)).toEqual(der)
    expect(crlDer(Buffer.from(pem('X509 CRL')))).toEqual(der)
  })

  test.each([
    ['a certificate', pem('CERTIFICATE'), /found: "CERTIFICATE"/],
    ['two CRLs', pem('X509 CRL').repeat(2), /found: "X509 CRL", "X509 CRL"/],
    ['nothing', '', /PEM/],
  ])('is not %s', (_what, text, detail) => {
    expectRefusal(() => crlDer(Buffer.from(text)), 'malformedPem', detail)
  })
})

const CONFIGURATION = `[ca]
default_ca = here
[here]
database = index.txt
crlnumber = number.txt
default_md = sha256
[full]
authorityKeyIdentifier = keyid:always
[partial]
authorityKeyIdentifier = keyid:always,issuer:always
issuingDistributionPoint = critical,@point
[point]
fullname = URI:http://ca.example.test/root.crl
`

describe.skipIf(toolIsMissing('openssl'))('openssl', () => {
  let folder: string
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'chancery-openssl-crl-'))
    const line =
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -days 30 -subj /O=Example/CN=Theirs'
    runTool('openssl', [...line.split(' '), '-keyout', at('key.pem'), '-out', at('ca.pem')])
    writeFileSync(at('ca.cnf'), CONFIGURATION.replaceAll(/= (index|number)/g, `= ${folder}/$1`))
  })
  afterAll(() => rmSync(folder, { recursive: true }))
  const at = (name: string) => join(folder, name)

  function made(index: string, ...args: string[]): CrlInfo {
    writeFileSync(at('index.txt'), index)
    writeFileSync(at('number.txt'), '1000\n')
    const line = ['ca', '-gencrl', '-config', at('ca.cnf'), '-keyfile', at('key.pem'), '-cert', at('ca.pem')]
    runTool('openssl', [...line, '-crldays', '30', '-out', at('out.pem'), ...args])
    return parseCrl(crlDer(readFileSync(at('out.pem'))), 'badCrl')
  }
  const row = (reason: string, serial: string) =>
    `R\t301231235959Z\t260101000000Z${reason}\t${serial}\tunknown\t/CN=${serial}\n`

  test('without entries', () => {
    const info = made('', '-crlexts', 'full')
    expect(info).toMatchObject({ number: 0x1000n, count: 0, isDelta: false, isPartial: false })
    expect(info.entries).toHaveLength(0)
    expect(info.nextUpdate! - info.thisUpdate).toBe(30 * 86_400)
    expect(info.signatureAlgorithm.oid).toBe('1.2.840.10045.4.3.2')
    expect(info.authorityKeyIdentifier.key).toHaveLength(20)
    expect(info.unknownCritical).toBeNull()
  })

  test('with entries of every kind', () => {
    const index =
      row('', '01') +
      row(',keyCompromise', '00FF') +
      row(',CACompromise', '40AB') +
      row(',keyTime,20251231000000Z', '41') +
      row(',superseded', 'F0'.repeat(19))
    const info = made(index, '-crlexts', 'full')
    // In its own order, by serial number.
    const entries = [...readCrlEntries(info.entries)]
    expect(entries.map(({ serialNumber, reason }) => [serialNumber, reason])).toEqual([
      ['01', 0],
      ['41', 1],
      ['ff', 1],
      ['40ab', 2],
      ['f0'.repeat(19), 4],
    ])
    expect(entries.map(({ revokedAt }) => revokedAt)).toEqual(Array(5).fill(1_767_225_600))
    expect(info.count).toBe(5)
  })

  test('with an issuing distribution point', () => {
    expect(made('', '-crlexts', 'partial')).toMatchObject({ isPartial: true, unknownCritical: null })
  })

  test('of version 1, which it makes without a number', () => {
    writeFileSync(at('ca.cnf'), readFileSync(at('ca.cnf'), 'utf8').replace(/^crlnumber.*$/m, ''))
    expectRefusal(() => made(''), 'badCrl', /version 1/)
  })
})
