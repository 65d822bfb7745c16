import { X509Certificate } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CaError } from '../../../src/errors.ts'
import {
  certificatePolicies,
  crlDistributionPoints,
  type Extension,
  noRevAvail,
} from '../../../src/pki/certificate/extensions.ts'
import { parseCertificate, parseTbs } from '../../../src/pki/certificate/parse.ts'
import { DerReader } from '../../../src/pki/der/read.ts'
import {
  bitString,
  boolean,
  context,
  integer,
  octetString,
  oid,
  sequence,
  time,
} from '../../../src/pki/der/write.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import {
  identifierOf,
  makeLeaf,
  makeRoot,
  NOT_AFTER,
  NOT_BEFORE,
  newKeyPair,
  ROOT_NAME,
  spkiOf,
} from './sample.ts'

const keys = newKeyPair()
const leaf = makeLeaf(keys, signatureAlgorithm('ec', 'sha256'), [
  crlDistributionPoints(['http://ca.example.test/crl/1.crl']),
  certificatePolicies(['2.23.140.1.2.1']),
])

describe('parseCertificate', () => {
  it('gives every part', () => {
    const root = makeRoot(keys)
    const info = parseCertificate(root)
    expect(info.der.equals(root)).toBe(true)
    expect(info.serialNumber).toBe('4f01')
    expect(info.issuer.equals(ROOT_NAME) && info.subject.equals(ROOT_NAME)).toBe(true)
    expect([info.notBefore, info.notAfter]).toEqual([NOT_BEFORE, NOT_AFTER])
    expect(info.spki.equals(spkiOf(keys.publicKey))).toBe(true)
    expect(info.keyBits.equals(spkiOf(keys.publicKey).subarray(-65))).toBe(true)
    expect(info.subjectKeyIdentifier?.equals(identifierOf(keys.publicKey))).toBe(true)
    expect(info.authorityKeyIdentifier).toBeNull()
    expect(info.signatureAlgorithm.oid).toBe('1.2.840.10045.4.3.2')
    expect(info.extensions.map(({ oid: id }) => id)).toEqual(['2.5.29.19', '2.5.29.15', '2.5.29.14'])
    expect(root.subarray(-info.signature.length).equals(info.signature)).toBe(true)
    expect(parseTbs(info.tbs)).toEqual({ ...info, der: undefined, signature: undefined })
  })

  it('reads the key identifier of the issuer, and drops the sign octet of the serial number', () => {
    const info = parseCertificate(leaf)
    expect(info.authorityKeyIdentifier?.equals(identifierOf(keys.publicKey))).toBe(true)
    expect(info.serialNumber).toBe('f0e1d2c3b4a5968778695a4b3c2d1e0f')
  })

  it('refuses every truncation and every trailing octet', () => {
    for (let length = 0; length < leaf.length; length++) {
      expect(() => parseCertificate(leaf.subarray(0, length)), `${length}`).toThrow(CaError)
    }
    expect(() => parseCertificate(Buffer.concat([leaf, Buffer.of(0)]))).toThrow(CaError)
  })

  it('throws nothing but CaError with the given code, whichever bit is flipped', () => {
    let refused = 0
    for (let bit = 0; bit < leaf.length * 8; bit++) {
      const flipped = Buffer.from(leaf)
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      try {
        // What is still a certificate must at least be read whole.
        expect(parseCertificate(flipped, 'badAuthorityCertificate').der.equals(flipped)).toBe(true)
      } catch (error) {
        if (!(error instanceof CaError)) throw error
        expect(error.code).toBe('badAuthorityCertificate')
        refused++
      }
    }
    expect(refused).toBeGreaterThan(500)
  })

  it('throws nothing but CaError on arbitrary octets', () => {
    const spliced = fc
      .tuple(fc.nat(leaf.length), fc.nat(20), fc.uint8Array({ maxLength: 20 }))
      .map(([at, cut, bytes]) => Buffer.concat([leaf.subarray(0, at), bytes, leaf.subarray(at + cut)]))
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), spliced), (bytes) => {
        try {
          parseCertificate(bytes)
        } catch (error) {
          expect(error).toBeInstanceOf(CaError)
        }
      }),
      { numRuns: 2000 },
    )
  })

  it('reads the trust anchors that Node ships', () => {
    expect(rootCertificates.length).toBeGreaterThan(100)
    for (const pem of rootCertificates) {
      const theirs = new X509Certificate(pem)
      const ours = parseCertificate(theirs.raw)
      // Several have the serial number 0, which Node prints with one digit.
      expect(ours.serialNumber).toBe(theirs.serialNumber.toLowerCase().padStart(2, '0'))
      expect(ours.notBefore * 1000).toBe(theirs.validFromDate.getTime())
      expect(ours.notAfter * 1000).toBe(theirs.validToDate.getTime())
      expect(ours.spki.equals(spkiOf(theirs.publicKey))).toBe(true)
    }
  })
})

/** A TBSCertificate from parts, so that a test can put one wrong part in. */
function tbsWith(
  parts: Partial<
    Record<'version' | 'serial' | 'issuer' | 'validity' | 'spki' | 'unique' | 'extensions', Buffer>
  >,
) {
  return sequence(
    parts.version ?? context(0, integer(2)),
    parts.serial ?? integer(7),
    signatureAlgorithm('ec', 'sha256').identifier,
    parts.issuer ?? ROOT_NAME,
    parts.validity ?? sequence(time(0), time(1)),
    sequence(),
    parts.spki ?? spkiOf(keys.publicKey),
    parts.unique ?? Buffer.alloc(0),
    parts.extensions ?? extensionsOf(noRevAvail()),
  )
}

function extensionsOf(...list: readonly Extension[]): Buffer {
  return context(3, sequence(...list.map((each) => sequence(oid(each.oid), octetString(each.value)))))
}

const EXTENSION_OID = oid('2.5.29.56')
const hex = (text: string) => Buffer.from(text, 'hex')

describe('parseTbs', () => {
  it('takes the parts that the following cases replace', () => {
    expect(parseTbs(tbsWith({})).extensions).toEqual([noRevAvail()])
    expect(parseTbs(tbsWith({ extensions: Buffer.alloc(0) })).extensions).toEqual([])
  })

  const aki = (value: string) => extensionsOf({ oid: '2.5.29.35', critical: false, value: hex(value) })

  it.each<[string, Parameters<typeof tbsWith>[0]]>([
    ['no version', { version: Buffer.alloc(0) }],
    ['version 1 spelt out', { version: context(0, integer(0)) }],
    ['version 2', { version: context(0, integer(1)) }],
    ['a negative serial number', { serial: hex('020180') }],
    ['a serial number with a needless zero', { serial: hex('02020001') }],
    ['a serial number of 21 octets', { serial: integer(Buffer.alloc(21, 1)) }],
    ['a serial number of 20 octets and a sign octet', { serial: integer(Buffer.alloc(20, 0xff)) }],
    ['an empty issuer', { issuer: sequence() }],
    ['an issuer with an empty RDN', { issuer: sequence(hex('3100')) }],
    ['a time without seconds', { validity: sequence(hex('170b'), hex('323630313031303030305a'), time(1)) }],
    [
      'a date that does not exist',
      { validity: sequence(hex('170d'), Buffer.from('260231000000Z'), time(1)) },
    ],
    ['a third time', { validity: sequence(time(0), time(1), time(2)) }],
    [
      'a key with unused bits',
      { spki: sequence(sequence(oid('1.3.101.112')), bitString(Buffer.alloc(32, 2), 1)) },
    ],
    ['an issuerUniqueID', { unique: hex('81020001') }],
    ['a subjectUniqueID', { unique: hex('82020001') }],
    ['an empty list of extensions', { extensions: context(3, sequence()) }],
    ['an extension twice', { extensions: extensionsOf(noRevAvail(), noRevAvail()) }],
    [
      'critical FALSE spelt out',
      { extensions: context(3, sequence(sequence(EXTENSION_OID, boolean(false), hex('04020500')))) },
    ],
    [
      'critical that is 1',
      { extensions: context(3, sequence(sequence(EXTENSION_OID, hex('010101'), hex('04020500')))) },
    ],
    [
      'something after the extension',
      { extensions: context(3, sequence(sequence(EXTENSION_OID, hex('040205000500')))) },
    ],
    [
      'a second list of extensions',
      { extensions: context(3, sequence(sequence(EXTENSION_OID, hex('04020500'))), sequence()) },
    ],
    [
      'a subject key identifier that is none',
      { extensions: extensionsOf({ oid: '2.5.29.14', critical: false, value: hex('0500') }) },
    ],
    ['an issuer in the authority key identifier without a serial number', { extensions: aki('3002a100') }],
    ['an unknown part of the authority key identifier', { extensions: aki('30028300') }],
  ])('refuses %s', (_, parts) => {
    expect(() => parseTbs(tbsWith(parts), 'malformedCsr')).toThrow(
      expect.objectContaining({ code: 'malformedCsr' }),
    )
  })

  it('takes an authority key identifier without a key identifier', () => {
    expect(parseTbs(tbsWith({ extensions: aki('3005a10082014f') })).authorityKeyIdentifier).toBeNull()
  })
})

it('refuses a signature algorithm outside that is not the one inside', () => {
  const reader = new DerReader(leaf, 'certificate').enter()
  const tbs = reader.next().bytes
  reader.next()
  const signature = reader.next().bytes
  const other = signatureAlgorithm('ec', 'sha384').identifier
  expect(() => parseCertificate(sequence(tbs, other, signature))).toThrow(
    /two different signature algorithms/,
  )
})
