import { AsnConvert } from '@peculiar/asn1-schema'
import { Name } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CaError } from '../../src/errors.ts'
import { oid, sequence, setOf, TAG, tlv, utf8String } from '../../src/pki/der/write.ts'
import {
  encodeName,
  type NameAttribute,
  nameToText,
  parseDnText,
  readName,
} from '../../src/pki/distinguished-name.ts'
import { runTool, toolIsMissing } from './external-tool.ts'

const text = fc
  .oneof(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom(' ', '#', '"', '+', ',', ';', '<', '>', '\\', '=', 'a', 'ü', '\u202e'),
      minLength: 1,
      maxLength: 20,
    }),
  )
  .filter((value) => !/\p{Cc}/u.test(value) && [...value].length <= 64)

const attribute = fc.oneof(
  fc.record({ type: fc.constantFrom('CN', 'O', 'OU', 'ST', 'L'), value: text }),
  fc.record({ type: fc.constant('C'), value: fc.constantFrom('DE', 'US') }),
  fc.record({
    type: fc.constant('serialNumber'),
    value: fc.stringMatching(/^[A-Za-z0-9 '()+,\-./:=?]{1,64}$/),
  }),
) as fc.Arbitrary<NameAttribute>

describe('encodeName', () => {
  it('is read by asn1-x509 and serialised to the same bytes', () => {
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 6 }), (attributes) => {
        const der = encodeName(attributes)
        const library = AsnConvert.parse(der, Name)
        expect(library.map((rdn) => rdn.map(({ value }) => value.toString()))).toEqual(
          attributes.map(({ value }) => [value]),
        )
        expect(Buffer.from(AsnConvert.serialize(library)).equals(der)).toBe(true)
      }),
    )
  })

  it('uses PrintableString for C and serialNumber, UTF8String for the others', () => {
    const types = ['C', 'serialNumber', 'CN', 'O', 'OU', 'ST', 'L'] as const
    const der = encodeName(types.map((type) => ({ type, value: 'DE' })))
    expect(readName(der).map(([first]) => first?.tag)).toEqual([0x13, 0x13, 0x0c, 0x0c, 0x0c, 0x0c, 0x0c])
  })

  it.each<NameAttribute>([
    { type: 'CN', value: '' },
    { type: 'CN', value: 'x'.repeat(65) },
    { type: 'O', value: 'x'.repeat(65) },
    { type: 'OU', value: 'x'.repeat(65) },
    { type: 'ST', value: 'x'.repeat(129) },
    { type: 'L', value: 'x'.repeat(129) },
    { type: 'serialNumber', value: '1'.repeat(65) },
    { type: 'serialNumber', value: '1@2' },
    { type: 'serialNumber', value: 'ü' },
    { type: 'C', value: 'D' },
    { type: 'C', value: 'de' },
    { type: 'C', value: 'DEU' },
    { type: 'CN', value: 'a\0b' },
    { type: 'CN', value: 'a\nb' },
    { type: 'CN', value: 'a\u0085b' },
    { type: 'CN', value: '\ud800' },
  ])('refuses $type of $value', (bad) => {
    expect(() => encodeName([bad])).toThrow(expect.objectContaining({ code: 'badName' }))
  })

  it('counts characters, and allows the longest', () => {
    for (const value of ['x'.repeat(64), '\u{1f600}'.repeat(64)]) {
      expect(nameToText(encodeName([{ type: 'CN', value }]))).toBe(`CN=${value}`)
    }
    expect(nameToText(encodeName([{ type: 'L', value: 'x'.repeat(128) }]))).toBe(`L=${'x'.repeat(128)}`)
  })
})

describe('nameToText', () => {
  const rdn = (id: string, value: Uint8Array) => setOf(sequence(oid(id), value))

  it('writes the last first and escapes what RFC 4514 2.4 lists', () => {
    const der = encodeName([
      { type: 'C', value: 'DE' },
      { type: 'O', value: ' Example, "Inc." ' },
      { type: 'CN', value: '#a+b;c<d>e\\f=g' },
    ])
    expect(nameToText(der)).toBe('CN=\\#a\\+b\\;c\\<d\\>e\\\\f=g,O=\\ Example\\, \\"Inc.\\"\\ ,C=DE')
    expect(nameToText(encodeName([]))).toBe('')
    expect(nameToText(encodeName([{ type: 'CN', value: ' ' }]))).toBe('CN=\\ ')
  })

  it('shows control and direction characters as their octets', () => {
    expect(nameToText(sequence(rdn('2.5.4.3', utf8String('a\0\n\u202eb'))))).toBe('CN=a\\00\\0a\\e2\\80\\aeb')
  })

  it('shows in hexadecimal what it does not know or cannot read', () => {
    const email = rdn('1.2.840.113549.1.9.1', Buffer.from('160161', 'hex'))
    const teletex = rdn('2.5.4.3', Buffer.from('1401e4', 'hex'))
    const notUtf8 = rdn('2.5.4.3', Buffer.from('0c01e4', 'hex'))
    const notAscii = rdn('2.5.4.3', Buffer.from('1301e4', 'hex'))
    expect(nameToText(sequence(email, teletex, notUtf8, notAscii))).toBe(
      'CN=#1301e4,CN=#0c01e4,CN=#1401e4,1.2.840.113549.1.9.1=#160161',
    )
  })

  it('joins the attributes of one RDN by a plus sign', () => {
    const both = setOf(
      sequence(oid('2.5.4.3'), utf8String('a')),
      sequence(oid('0.9.2342.19200300.100.1.1'), utf8String('b')),
    )
    expect(nameToText(sequence(both))).toBe('CN=a+UID=b')
  })

  it.skipIf(toolIsMissing('openssl'))('agrees with openssl', () => {
    const subject = [
      '-subj',
      '/C=DE/ST=Bayern/L=Bad Tölz/O=Example, Inc./OU= #1/serialNumber=12/CN=a\\+b\\/c;d',
    ]
    const certificate = [
      'req',
      '-x509',
      '-newkey',
      'ed25519',
      '-nodes',
      '-keyout',
      '/dev/null',
      '-utf8',
      ...subject,
    ]
    const pem = runTool('openssl', certificate)
    const options = ['x509', '-noout', '-subject', '-nameopt', 'RFC2253,-esc_msb,utf8', '-in', 'a.pem']
    const theirs = runTool('openssl', options, { 'a.pem': pem })
      .trim()
      .replace(/^subject=/, '')
    const der = encodeName(parseDnText(theirs))
    expect(nameToText(der)).toBe(theirs)
    expect(theirs).toContain('CN=a\\+b/c\\;d')
  })
})

describe('readName', () => {
  const commonName = sequence(oid('2.5.4.3'), utf8String('a'))
  const country = sequence(oid('2.5.4.6'), utf8String('a'))

  it.each([
    ['octets after it', Buffer.concat([sequence(), Buffer.of(0)])],
    ['an empty RDN', sequence(setOf())],
    ['an RDN that is a SEQUENCE', sequence(sequence(commonName))],
    ['an attribute without a value', sequence(setOf(sequence(oid('2.5.4.3'))))],
    [
      'an attribute of two values',
      sequence(setOf(sequence(oid('2.5.4.3'), utf8String('a'), utf8String('b')))),
    ],
    ['unsorted attributes', sequence(tlv(TAG.set, country, commonName))],
    ['an attribute twice', sequence(tlv(TAG.set, commonName, commonName))],
  ])('refuses %s', (_, der) => {
    expect(() => readName(der)).toThrow(CaError)
  })

  it('takes sorted attributes', () => {
    expect(readName(sequence(tlv(TAG.set, commonName, country)))).toHaveLength(1)
  })
})

describe('parseDnText', () => {
  it('reads back what nameToText writes', () => {
    fc.assert(
      fc.property(fc.array(attribute, { maxLength: 6 }), (attributes) => {
        expect(parseDnText(nameToText(encodeName(attributes)))).toEqual(attributes)
      }),
      { numRuns: 1000 },
    )
  })

  it('takes any case of the type and spaces that do not count', () => {
    expect(parseDnText(' cn = Example Root , o=Example\\, Inc.\\ ,C=DE')).toEqual([
      { type: 'C', value: 'DE' },
      { type: 'O', value: 'Example, Inc. ' },
      { type: 'CN', value: 'Example Root' },
    ])
    expect(parseDnText('CN=Gr\\c3\\bc\\C3\\9fe')).toEqual([{ type: 'CN', value: 'Grüße' }])
    expect(parseDnText('CN=a\\2c\\ b')).toEqual([{ type: 'CN', value: 'a, b' }])
    expect(parseDnText('  ')).toEqual([])
  })

  it.each([
    'Example',
    '=Example',
    'X=Example',
    'emailAddress=me@example.test',
    'CN=a,',
    ',CN=a',
    'CN=a,,O=b',
    'CN=',
    'CN=a+O=b',
    'CN=#0c0161',
    'CN="a"',
    'CN=a;O=b',
    'CN=a\\',
    'CN=\\z',
    'CN=\\ff',
    'CN=a\\00b',
    'C=Germany',
    `CN=${'x'.repeat(65)}`,
  ])('refuses %s', (bad) => {
    expect(() => parseDnText(bad)).toThrow(expect.objectContaining({ code: 'badName' }))
  })
})
