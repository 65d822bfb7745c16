import { AsnConvert, AsnIntegerBigIntConverter, AsnObjectIdentifierConverter } from '@peculiar/asn1-schema'
import { Time } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import * as der from '../../../src/pki/der/write.ts'

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

describe('lengths', () => {
  it.each([
    [0, '0400'],
    [127, '047f'],
    [128, '048180'],
    [255, '0481ff'],
    [256, '04820100'],
    [65_535, '0482ffff'],
    [65_536, '0483010000'],
    [16_777_216, '048401000000'],
  ])('%i octets begin %s', (length, header) => {
    const encoded = der.octetString(Buffer.alloc(length))
    expect(hex(encoded.subarray(0, header.length / 2))).toBe(header)
    expect(encoded.length).toBe(header.length / 2 + length)
  })
})

describe('integer', () => {
  it.each([
    [0, '020100'],
    [127, '02017f'],
    [128, '02020080'],
    [256, '02020100'],
    [Number.MAX_SAFE_INTEGER, '02071fffffffffffff'],
  ])('%i', (value, encoded) => expect(hex(der.integer(value))).toBe(encoded))

  it('refuses what it cannot encode', () => {
    for (const value of [-1, 1.5, 2 ** 53, Number.NaN]) expect(() => der.integer(value)).toThrow(RangeError)
  })

  it('encodes unsigned bytes minimally, as the library does', () => {
    expect(hex(der.integer(Buffer.alloc(0)))).toBe('020100')
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 30 }), (bytes) => {
        const library = AsnIntegerBigIntConverter.toASN(BigInt(`0x${hex(bytes)}`)).toBER()
        expect(hex(der.integer(bytes))).toBe(hex(new Uint8Array(library)))
      }),
    )
  })
})

describe('object identifiers', () => {
  it.each([
    ['2.5.4.3', '0603550403'],
    ['1.2.840.113549.1.1.11', '06092a864886f70d01010b'],
    ['2.999.3', '0603883703'],
    ['0.0', '060100'],
  ])('%s', (dotted, encoded) => expect(hex(der.oid(dotted))).toBe(encoded))

  it('agrees with the library', () => {
    const dotted = fc
      .tuple(fc.constantFrom(0, 1, 2), fc.nat(39), fc.array(fc.nat(), { maxLength: 8 }))
      .map(([root, second, rest]) => [root, second, ...rest].join('.'))
    fc.assert(
      fc.property(dotted, (oid) => {
        expect(hex(der.oid(oid))).toBe(hex(new Uint8Array(AsnObjectIdentifierConverter.toASN(oid).toBER())))
      }),
    )
  })

  it.each(['1', 'a.b', '1.-2', '1.2.3x', '3.5', '1.40', '1.2.', '1..2', '1.02', '2.5.9007199254740992'])(
    'refuses %s',
    (text) => expect(() => der.oid(text)).toThrow(RangeError),
  )
})

describe('time', () => {
  it('is UTCTime through 2049 and GeneralizedTime from 2050', () => {
    expect(der.time(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000).toString('latin1')).toBe(
      '\x17\x0d491231235959Z',
    )
    expect(der.time(Date.UTC(2050, 0, 1) / 1000).toString('latin1')).toBe('\x18\x0f20500101000000Z')
    expect(der.time(Date.UTC(1950, 0, 1) / 1000).toString('latin1')).toBe('\x17\x0d500101000000Z')
    expect(der.time(Date.UTC(1949, 11, 31) / 1000).toString('latin1')).toBe('\x18\x0f19491231000000Z')
  })

  it('agrees with the library', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 253_402_300_799 }), (seconds) => {
        const library = AsnConvert.serialize(new Time(new Date(seconds * 1000)))
        expect(hex(der.time(seconds))).toBe(hex(new Uint8Array(library)))
      }),
    )
  })
})

describe('times that DER cannot hold', () => {
  const LAST = Date.UTC(9999, 11, 31, 23, 59, 59) / 1000
  const FIRST = Date.parse('0000-01-01T00:00:00Z') / 1000

  it('the first and the last that it can', () => {
    for (const encode of [der.time, der.generalizedTime]) {
      expect(encode(LAST).toString('latin1')).toBe('\x18\x0f99991231235959Z')
      expect(encode(FIRST).toString('latin1')).toBe('\x18\x0f00000101000000Z')
    }
  })

  it.each([LAST + 1, FIRST - 1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.MAX_SAFE_INTEGER])(
    '%d is refused',
    (seconds) => {
      for (const encode of [der.time, der.generalizedTime]) expect(() => encode(seconds)).toThrow(RangeError)
    },
  )
})

describe('the rest', () => {
  it('sorts a SET OF by its encodings', () => {
    expect(hex(der.setOf(der.integer(300), der.integer(2), der.integer(1)))).toBe('310a0201010201020202012c')
  })

  it('leaves trailing zero bits out of a named-bit list', () => {
    expect(hex(der.namedBits([]))).toBe('030100')
    expect(hex(der.namedBits([0]))).toBe('03020780')
    expect(hex(der.namedBits([5, 6]))).toBe('03020106')
    expect(hex(der.namedBits([8, 0]))).toBe('0303078080')
  })

  it('encodes TRUE as 0xff', () => {
    expect(hex(der.boolean(true))).toBe('0101ff')
    expect(hex(der.boolean(false))).toBe('010100')
  })

  it('tells constructed context tags from primitive ones', () => {
    expect(hex(der.context(3, der.NULL))).toBe('a3020500')
    expect(hex(der.contextPrimitive(2, Buffer.from('a')))).toBe('820161')
  })
})
