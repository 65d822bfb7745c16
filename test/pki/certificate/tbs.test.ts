import { generateKeyPairSync } from 'node:crypto'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import * as asn from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Extension, encodeExtensions } from '../../../src/pki/certificate/extensions.ts'
import { parseTbs } from '../../../src/pki/certificate/parse.ts'
import { encodeTbs, type TbsFields } from '../../../src/pki/certificate/tbs.ts'
import { encodeName, type NameAttribute } from '../../../src/pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../../../src/pki/keys/algorithms.ts'
import { spkiOf } from './sample.ts'

const spkis = [
  generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  generateKeyPairSync('ec', { namedCurve: 'P-521' }),
  generateKeyPairSync('rsa', { modulusLength: 2048 }),
  generateKeyPairSync('ed25519'),
].map(({ publicKey }) => spkiOf(publicKey))

const OIDS = {
  CN: '2.5.4.3',
  O: '2.5.4.10',
  OU: '2.5.4.11',
  C: '2.5.4.6',
  ST: '2.5.4.8',
  L: '2.5.4.7',
  serialNumber: '2.5.4.5',
}

const attribute: fc.Arbitrary<NameAttribute> = fc.oneof(
  fc.record({
    type: fc.constantFrom('CN', 'O', 'OU', 'ST', 'L'),
    value: fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
      .filter((text) => !/\p{Cc}/u.test(text) && [...text].length <= 64),
  }),
  fc.record({ type: fc.constant('C'), value: fc.constantFrom('DE', 'US', 'CH') }),
  fc.record({ type: fc.constant('serialNumber'), value: fc.stringMatching(/^[A-Za-z0-9:]{1,64}$/) }),
) as fc.Arbitrary<NameAttribute>

const extension: fc.Arbitrary<Extension> = fc.record({
  // Not the two that the parser reads into.
  oid: fc
    .tuple(fc.nat(2), fc.nat(39), fc.array(fc.nat(2 ** 31 - 1), { minLength: 1, maxLength: 6 }))
    .map(([a, b, rest]) => [a, b, ...rest].join('.')),
  critical: fc.boolean(),
  value: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
})

const seconds = fc.integer({
  min: Date.UTC(1950, 0, 1) / 1000,
  max: Date.UTC(9999, 11, 31, 23, 59, 59) / 1000,
})

const fields = fc.record({
  serialNumber: fc.bigInt({ min: 1n, max: 2n ** 159n - 1n }).map((serial) => {
    const hex = serial.toString(16)
    return hex.length % 2 ? `0${hex}` : hex
  }),
  signature: fc.constantFrom(...SIGNATURE_ALGORITHMS),
  issuer: fc.array(attribute, { minLength: 1, maxLength: 5 }),
  subject: fc.array(attribute, { maxLength: 5 }),
  notBefore: seconds,
  notAfter: seconds,
  spki: fc.constantFrom(...spkis),
  extensions: fc.uniqueArray(extension, { minLength: 1, maxLength: 6, selector: ({ oid }) => oid }),
})

function libraryName(attributes: readonly NameAttribute[]): asn.Name {
  return new asn.Name(
    attributes.map(({ type, value }) => {
      const printable = type === 'C' || type === 'serialNumber'
      const encoded = new asn.AttributeValue(printable ? { printableString: value } : { utf8String: value })
      return new asn.RelativeDistinguishedName([
        new asn.AttributeTypeAndValue({ type: OIDS[type], value: encoded }),
      ])
    }),
  )
}

function libraryExtensions(list: readonly Extension[]): asn.Extensions {
  return new asn.Extensions(
    list.map(
      ({ oid, critical, value }) =>
        new asn.Extension({ extnID: oid, critical, extnValue: new OctetString(value) }),
    ),
  )
}

describe('encodeTbs', () => {
  it('gives the bytes of asn1-x509', () => {
    fc.assert(
      fc.property(fields, (input) => {
        const serial = Buffer.from(input.serialNumber, 'hex')
        const library = new asn.TBSCertificate({
          version: asn.Version.v3,
          serialNumber: new Uint8Array(serial[0]! & 0x80 ? [0, ...serial] : serial).buffer,
          signature: AsnConvert.parse(input.signature.identifier, asn.AlgorithmIdentifier),
          issuer: libraryName(input.issuer),
          validity: new asn.Validity({
            notBefore: new Date(input.notBefore * 1000),
            notAfter: new Date(input.notAfter * 1000),
          }),
          subject: libraryName(input.subject),
          subjectPublicKeyInfo: AsnConvert.parse(input.spki, asn.SubjectPublicKeyInfo),
          extensions: libraryExtensions(input.extensions),
        })
        const ours = encodeTbs({
          ...input,
          issuer: encodeName(input.issuer),
          subject: encodeName(input.subject),
        })
        expect(ours.toString('hex')).toBe(Buffer.from(AsnConvert.serialize(library)).toString('hex'))
      }),
      { numRuns: 300 },
    )
  })

  it('is read back by parseTbs', () => {
    fc.assert(
      fc.property(fields, (input) => {
        const encoded: TbsFields = {
          ...input,
          issuer: encodeName(input.issuer),
          subject: encodeName(input.subject),
        }
        const tbs = encodeTbs(encoded)
        const {
          keyBits,
          tbs: signed,
          signatureAlgorithm,
          subjectKeyIdentifier,
          authorityKeyIdentifier,
          ...read
        } = parseTbs(tbs)
        const { signature, ...written } = encoded
        expect(read).toEqual(written)
        expect(signed.equals(tbs)).toBe(true)
        expect(signatureAlgorithm).toEqual({ oid: signature.oid, der: signature.identifier })
        expect(input.spki.subarray(-keyBits.length).equals(keyBits)).toBe(true)
        expect([subjectKeyIdentifier, authorityKeyIdentifier]).toEqual([null, null])
      }),
      { numRuns: 300 },
    )
  })

  it.each(['', '0', '00', '4f0', 'xyz1', '4F', '01'.repeat(21)])(
    'refuses the serial number "%s"',
    (serialNumber) => {
      const name = encodeName([{ type: 'CN', value: 'Example' }])
      const input: TbsFields = {
        serialNumber,
        signature: SIGNATURE_ALGORITHMS[0]!,
        issuer: name,
        subject: name,
        notBefore: 0,
        notAfter: 1,
        spki: spkis[0]!,
        extensions: [{ oid: '2.5.29.56', critical: false, value: Buffer.from([5, 0]) }],
      }
      expect(() => encodeTbs(input)).toThrow(RangeError)
      expect(encodeTbs({ ...input, serialNumber: '4f' })).toBeInstanceOf(Buffer)
    },
  )
})

describe('encodeExtensions', () => {
  it('refuses an empty list and an extension that stands twice', () => {
    const one = { oid: '2.5.29.56', critical: false, value: Buffer.from([5, 0]) }
    expect(() => encodeExtensions([])).toThrow(RangeError)
    expect(() => encodeExtensions([one, { ...one, critical: true }])).toThrow(RangeError)
  })
})
