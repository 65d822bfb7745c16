import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import {
  context,
  contextPrimitive,
  integer,
  NULL,
  octetString,
  oid,
  sequence,
  tlv,
  utf8String,
} from '../../../src/pki/der/write.ts'
import { expectRefusal, refusal } from '../refusal.ts'
import {
  attribute,
  buildCsr,
  type CsrParts,
  commonName,
  dnsNames,
  extension,
  nameOf,
  requesting,
} from './building.ts'

const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const parse = (parts: Partial<CsrParts> = {}) => parseCsr(buildCsr({ key, ...parts }))
const refused = (parts: Partial<CsrParts>, reason: RegExp) =>
  expectRefusal(() => parse(parts), 'malformedCsr', reason)

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'
const CHALLENGE = '1.2.840.113549.1.9.7'
const SAN = '2.5.29.17'

describe('what a CSR gives', () => {
  it('its parts, each a view of its bytes', () => {
    const keyUsage = extension('2.5.29.15', Buffer.from('03020780', 'hex'), true)
    const attributes = context(
      0,
      attribute(CHALLENGE, utf8String('hush')),
      attribute(EXTENSION_REQUEST, sequence(keyUsage, dnsNames('B.test', 'a.test'))),
    )
    const der = buildCsr({ key, attributes })
    const csr = parseCsr(der)
    expect(csr.der).toEqual(der)
    expect(csr.subject).toEqual(commonName('web.test'))
    expect(csr.commonNames).toEqual(['web.test'])
    expect(csr.publicKey.type).toBe('P-256')
    expect(csr.names).toEqual([
      { type: 'dns', value: 'b.test' },
      { type: 'dns', value: 'a.test' },
    ])
    expect(csr.extensions.map(({ oid, critical }) => [oid, critical])).toEqual([
      ['2.5.29.15', true],
      [SAN, false],
    ])
    expect(csr.extensions[0]?.value.toString('hex')).toBe('03020780')
    expect(csr.attributes.map(({ oid, values }) => [oid, values.length])).toEqual([
      [CHALLENGE, 1],
      [EXTENSION_REQUEST, 1],
    ])
    expect(csr.attributes[0]?.values[0]).toEqual(utf8String('hush'))
    expect(csr.signatureAlgorithm).toEqual({
      oid: '1.2.840.10045.4.3.2',
      der: sequence(oid('1.2.840.10045.4.3.2')),
    })
    expect(der.indexOf(csr.signed)).toBe(4)
    expect(der.subarray(-csr.signature.length)).toEqual(csr.signature)
  })

  it('the same from a view into a larger buffer', () => {
    const der = buildCsr({ key, attributes: requesting(dnsNames('a.test')) })
    const padded = new Uint8Array(der.length + 20)
    padded.set(der, 7)
    expect(parseCsr(padded.subarray(7, 7 + der.length)).names).toEqual([{ type: 'dns', value: 'a.test' }])
  })

  it('nothing asked for where there are no attributes, and where [0] is left away', () => {
    for (const attributes of [context(0), null]) {
      expect(parse({ attributes })).toMatchObject({ attributes: [], extensions: [], names: [] })
    }
  })

  it('nothing asked for where the list of extensions is empty', () => {
    expect(parse({ attributes: requesting() })).toMatchObject({ extensions: [], names: [] })
  })

  it('a name that is asked for twice, once', () => {
    const { names } = parse({ attributes: requesting(dnsNames('a.test', 'b.test', 'A.test', 'a.test')) })
    expect(names.map(({ value }) => value)).toEqual(['a.test', 'b.test'])
  })
})

describe('common names', () => {
  const CN = '2.5.4.3'
  const commonNames = (...values: Buffer[]) =>
    parse({ subject: nameOf(...values.map((value) => [CN, value] as [string, Buffer])) }).commonNames

  it('are read from every string type that has one meaning', () => {
    const values = [
      utf8String('Zoë'),
      tlv(0x13, Buffer.from('*.web.test')),
      tlv(0x14, Buffer.from('teletex')),
      tlv(0x16, Buffer.from('ada@web.test')),
      tlv(0x1e, Buffer.from('005a006f00eb', 'hex')),
    ]
    expect(commonNames(...values)).toEqual(['Zoë', '*.web.test', 'teletex', 'ada@web.test', 'Zoë'])
  })

  it('are none in an empty subject, and none where they or other attributes are empty', () => {
    expect(parse({ subject: sequence() }).commonNames).toEqual([])
    expect(commonNames(utf8String(''))).toEqual([])
    expect(parse({ subject: nameOf(['2.5.4.10', utf8String('')]) }).commonNames).toEqual([])
  })

  it('are found in a relative distinguished name of several', () => {
    const rdn = tlv(
      0x31,
      sequence(oid('2.5.4.10'), utf8String('Example')),
      sequence(oid(CN), utf8String('a')),
      sequence(oid(CN), utf8String('b')),
    )
    expect(parse({ subject: sequence(rdn) }).commonNames).toEqual(['a', 'b'])
  })

  it.each([
    ['UTF-8 that is not', utf8String('x').fill(0xff, 2)],
    ['overlong UTF-8', tlv(0x0c, Buffer.from('c080', 'hex'))],
    ['a surrogate in UTF-8', tlv(0x0c, Buffer.from('eda080', 'hex'))],
    ['PrintableString outside ASCII', tlv(0x13, Buffer.from('M\xfcller', 'latin1'))],
    ['TeletexString outside ASCII', tlv(0x14, Buffer.from('M\xfcller', 'latin1'))],
    ['IA5String outside ASCII', tlv(0x16, Buffer.from('M\xfcller', 'latin1'))],
    ['BMPString of odd length', tlv(0x1e, Buffer.from('00410', 'latin1'))],
    ['BMPString with a surrogate', tlv(0x1e, Buffer.from('d83dde00', 'hex'))],
    ['UniversalString', tlv(0x1c, Buffer.from('00000041', 'hex'))],
    ['OCTET STRING', octetString(Buffer.from('web.test'))],
    ['a constructed string', tlv(0x2c, utf8String('web.test'))],
  ])('%s is refused', (_, value) => expectRefusal(() => commonNames(value), 'malformedCsr', /string type/))

  it.each([
    ['UTF8String', utf8String('web.test\0.evil.test')],
    ['BMPString', tlv(0x1e, Buffer.from('004100000042', 'hex'))],
    ['a newline', utf8String('web.test\nx')],
    ['a C1 control character', utf8String('web\u0085test')],
  ])('NUL and control characters are refused: %s', (_, value) =>
    expectRefusal(() => commonNames(value), 'badName', /NUL/),
  )
})

describe('structure that is refused', () => {
  it.each<[string, Partial<CsrParts>, RegExp]>([
    ['version 3', { version: integer(3) }, /version/],
    ['a negative version', { version: Buffer.from('0201ff', 'hex') }, /out of range/],
    ['a version that is not minimal', { version: Buffer.from('02020000', 'hex') }, /minimal/],
    ['no subject', { subject: Buffer.alloc(0) }, /tag 0x/],
    ['a subject that is a SET', { subject: tlv(0x31) }, /tag 0x31/],
    ['an empty relative name', { subject: sequence(tlv(0x31)) }, /without an attribute/],
    [
      'a name attribute without a value',
      { subject: sequence(tlv(0x31, sequence(oid('2.5.4.3')))) },
      /too early/,
    ],
    [
      'a name attribute with two values',
      { subject: sequence(tlv(0x31, sequence(oid('2.5.4.3'), utf8String('a'), utf8String('b')))) },
      /after its end/,
    ],
    ['attributes as a SET', { attributes: tlv(0x31) }, /after its end/],
    ['attributes twice', { attributes: Buffer.concat([context(0), context(0)]) }, /after its end/],
    ['an attribute without values', { attributes: context(0, attribute(CHALLENGE)) }, /without a value/],
    ['an attribute without a set', { attributes: context(0, sequence(oid(CHALLENGE), NULL)) }, /tag 0x5/],
    [
      'an attribute twice',
      {
        attributes: context(0, attribute(CHALLENGE, utf8String('a')), attribute(CHALLENGE, utf8String('b'))),
      },
      /attribute 1\.2\.840\.113549\.1\.9\.7 twice/,
    ],
    [
      'extensionRequest twice',
      {
        attributes: context(
          0,
          attribute(EXTENSION_REQUEST, sequence(dnsNames('a.test'))),
          attribute(EXTENSION_REQUEST, sequence(dnsNames('b.test'))),
        ),
      },
      /attribute 1\.2\.840\.113549\.1\.9\.14 twice/,
    ],
    [
      'extensionRequest with two values',
      {
        attributes: context(
          0,
          attribute(EXTENSION_REQUEST, sequence(dnsNames('a.test')), sequence(dnsNames('b.test'))),
        ),
      },
      /several values/,
    ],
    [
      'extensionRequest that is not a list',
      { attributes: context(0, attribute(EXTENSION_REQUEST, NULL)) },
      /tag 0x5/,
    ],
    [
      'an extension twice',
      { attributes: requesting(dnsNames('a.test'), dnsNames('b.test')) },
      /extension 2\.5\.29\.17 twice/,
    ],
    [
      'an explicit DEFAULT FALSE',
      { attributes: requesting(sequence(oid('2.5.29.15'), Buffer.from('010100', 'hex'), octetString(NULL))) },
      /DEFAULT/,
    ],
    ['an extension without a value', { attributes: requesting(sequence(oid('2.5.29.15'))) }, /too early/],
    [
      'an extension with more after its value',
      { attributes: requesting(sequence(oid('2.5.29.15'), octetString(NULL), NULL)) },
      /after its end/,
    ],
    ['an empty subjectAltName', { attributes: requesting(extension(SAN, sequence())) }, /empty/],
    ['a subjectAltName that is no list', { attributes: requesting(extension(SAN, NULL)) }, /tag 0x5/],
    [
      'a subjectAltName with more after it',
      {
        attributes: requesting(
          extension(SAN, Buffer.concat([sequence(contextPrimitive(2, Buffer.from('a.test'))), NULL])),
        ),
      },
      /after its end/,
    ],
    ['a signature algorithm that is empty', { algorithm: sequence() }, /too early/],
  ])('%s', (_, parts, reason) => refused(parts, reason))

  it('bytes after its end, or missing before it', () => {
    const der = buildCsr({ key })
    expectRefusal(() => parseCsr(Buffer.concat([der, NULL])), 'malformedCsr', /after its end/)
    expectRefusal(() => parseCsr(Buffer.alloc(0)), 'malformedCsr', /too early/)
    for (let length = 0; length < der.length; length++) {
      expect(refusal(() => parseCsr(der.subarray(0, length))).code).toBe('malformedCsr')
    }
  })

  it('more attributes or extensions than 64, before any two of them are compared', () => {
    const attributes = (count: number) =>
      context(0, ...Array.from({ length: count }, (_, i) => attribute(`1.2.3.${i}`, integer(0))))
    const extensions = (count: number) =>
      requesting(...Array.from({ length: count }, (_, i) => extension(`1.2.3.${i}`, Buffer.alloc(0))))
    expect(parse({ attributes: attributes(64) }).attributes).toHaveLength(64)
    expect(parse({ attributes: extensions(64) }).extensions).toHaveLength(64)
    refused({ attributes: attributes(65) }, /more than 64 attributes/)
    refused({ attributes: extensions(65) }, /more than 64 extensions/)
  })

  it('a subject of more than 64 attributes, and more than 1000 names', () => {
    const subject = (count: number) =>
      nameOf(...Array.from({ length: count }, () => ['2.5.4.3', utf8String('a')] as [string, Buffer]))
    const names = (count: number) => requesting(dnsNames(...Array<string>(count).fill('a.test')))
    expect(parse({ subject: subject(64) }).commonNames).toHaveLength(64)
    expect(parse({ attributes: names(1000) }).names).toHaveLength(1)
    refused({ subject: subject(65) }, /subject of more than 64/)
    refused({ attributes: names(1001) }, /more than 1000 names/)
  })

  it('more than 64 KiB', () => {
    const filler = (length: number) => context(0, attribute(CHALLENGE, octetString(Buffer.alloc(length))))
    expect(parse({ attributes: filler(65_000) }).attributes).toHaveLength(1)
    refused({ attributes: filler(65_536) }, /is the most/)
  })

  it('PEM where DER belongs', () => {
    expectRefusal(() => parseCsr(Buffer.from('-----BEGIN')), 'malformedCsr', /tag 0x2d/)
  })
})

describe('names that are refused', () => {
  it.each([
    ['embedded NUL', dnsNames('web.test\0.evil.test'), /NUL/],
    ['trailing dot', dnsNames('web.test.'), /dot/],
    ['a label of 64', dnsNames(`${'a'.repeat(64)}.test`), /63/],
    ['Latin-1', dnsNames('m\xfcnchen.test'), /outside ASCII/],
    ['a partial wildcard', dnsNames('w*.web.test'), /asterisk/],
    ['one bad name among good ones', dnsNames('a.test', 'b_c.test', 'd.test'), /underscore/],
    ['otherName', extension(SAN, sequence(tlv(0xa0, oid('1.3.6.1.4.1.311.20.2.3')))), /otherName/],
  ])('%s', (_, extensions, reason) =>
    expectRefusal(() => parse({ attributes: requesting(extensions) }), 'badName', reason),
  )
})
