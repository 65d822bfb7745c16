import { AsnConvert } from '@peculiar/asn1-schema'
import * as x509 from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { contextPrimitive, sequence, tlv } from '../../../src/pki/der/write.ts'
import { generalNames, readGeneralNames } from '../../../src/pki/names/general-names.ts'
import { normaliseName, parseNameText } from '../../../src/pki/names/normalise.ts'
import { nameText, type SubjectName } from '../../../src/pki/names/san.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'

const read = (der: Uint8Array) => readGeneralNames(der, 'CSR', 'malformedCsr')

/** What the library writes for the same names. */
function byLibrary(names: readonly SubjectName[]): Buffer {
  const field = {
    dns: 'dNSName',
    ip: 'iPAddress',
    email: 'rfc822Name',
    uri: 'uniformResourceIdentifier',
  } as const
  const list = names.map(({ type, value }) => new x509.GeneralName({ [field[type]]: value }))
  return Buffer.from(AsnConvert.serialize(new x509.GeneralNames(list)))
}

const anyName: fc.Arbitrary<SubjectName> = fc
  .oneof(
    fc.domain().map((value) => ['dns', value] as const),
    fc.domain().map((value) => ['dns', `*.${value}`] as const),
    fc.ipV4().map((value) => ['ip', value] as const),
    fc.ipV6().map((value) => ['ip', value] as const),
    fc.domain().map((host) => ['email', `ada@${host}`] as const),
    fc.webUrl().map((value) => ['uri', value] as const),
    fc.domain().map((host) => ['uri', `spiffe://${host}/ns/web`] as const),
  )
  .map(([type, value]) => parsesOrRefuses(() => normaliseName(type, value)))
  .filter((name) => name !== undefined)

describe('generalNames', () => {
  it('is what @peculiar/asn1-x509 writes, byte for byte, and reads back', () => {
    fc.assert(
      fc.property(fc.array(anyName, { minLength: 1, maxLength: 12 }), (names) => {
        const der = generalNames(names)
        expect(der.equals(byLibrary(names))).toBe(true)
        expect(read(der)).toEqual(names)
      }),
      { numRuns: 500 },
    )
  })

  it('is what @peculiar/asn1-x509 writes when the list needs a long length', () => {
    const names = Array.from({ length: 3000 }, (_, i) => normaliseName('dns', `web-${i}.example.test`))
    expect(generalNames(names).equals(byLibrary(names))).toBe(true)
  })

  it('never cuts a character down to an octet', () => {
    // U+0161 would become "a".
    expect(() => generalNames([{ type: 'dns', value: 'b\u0161nk.test' }])).toThrow(RangeError)
  })
})

describe('readGeneralNames', () => {
  it('normalises, and keeps the order and duplicates', () => {
    const names = [
      parseNameText('uri:spiffe://td/b'),
      parseNameText('dns:b.test'),
      parseNameText('dns:a.test'),
    ]
    const der = sequence(
      contextPrimitive(6, Buffer.from('spiffe://td/b')),
      contextPrimitive(2, Buffer.from('B.test')),
      contextPrimitive(2, Buffer.from('a.TEST')),
      contextPrimitive(2, Buffer.from('A.test')),
    )
    expect(read(der)).toEqual([...names, names[2]])
  })

  it.each([
    [tlv(0xa0), /otherName/],
    [tlv(0xa3), /x400Address/],
    [tlv(0xa4), /directoryName/],
    [tlv(0xa5), /ediPartyName/],
    [tlv(0x88, Buffer.from([0x55])), /registeredID/],
    [contextPrimitive(2, Buffer.from('a.test\0.b.test')), /NUL/],
    [contextPrimitive(2, Buffer.from('münchen.test')), /outside ASCII/],
    [contextPrimitive(2, Buffer.from('münchen.test', 'latin1')), /outside ASCII/],
    [contextPrimitive(1, Buffer.from('a\x80@b.test', 'latin1')), /outside ASCII/],
    [contextPrimitive(6, Buffer.from('urn:x:\0')), /NUL/],
    [contextPrimitive(2, Buffer.alloc(0)), /empty/],
    [contextPrimitive(2, Buffer.from('10.0.0.1')), /IP address/],
    [contextPrimitive(7, Buffer.from('10.0.0.1')), /octets/],
    [contextPrimitive(7, Buffer.from('00000000000000000000ffff0a000001', 'hex')), /mapped/],
  ])('refuses the name %#', (name, reason) => expectRefusal(() => read(sequence(name)), 'badName', reason))

  it.each([
    [sequence(), /empty/],
    [sequence(tlv(0xa2, tlv(0x16, Buffer.from('a.test')))), /no GeneralName/],
    [sequence(tlv(0x16, Buffer.from('a.test'))), /no GeneralName/],
    [Buffer.concat([sequence(contextPrimitive(2, Buffer.from('a'))), Buffer.from([0])]), /after its end/],
    [contextPrimitive(2, Buffer.from('a.test')), /tag 0x82/],
    [Buffer.alloc(0), /too early/],
  ])('refuses the structure %#', (der, reason) => expectRefusal(() => read(der), 'malformedCsr', reason))
})

describe('parseNameText', () => {
  it('reads what nameText writes', () => {
    fc.assert(
      fc.property(anyName, (name) => {
        expect(parseNameText(nameText(name))).toEqual(name)
      }),
    )
  })

  it.each(['web.example.test', 'DNS:web.test', 'uuid:1', '', ':', 'toString:x'])('refuses %j', (text) =>
    expectRefusal(() => parseNameText(text), 'badName', /begins with its kind/),
  )
})
