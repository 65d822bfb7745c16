import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { DerReader } from '../../../src/pki/der/read.ts'
import * as der from '../../../src/pki/der/write.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'

const reader = (hex: string) => new DerReader(Buffer.from(hex, 'hex'), 'test', 'malformedCsr')

describe('what BER allows and DER does not', () => {
  it.each([
    ['30800000', /indefinite/],
    ['30850000000000', /oversized/],
    ['04810141', /not minimal/],
    ['0482007f', /not minimal/],
    ['0482008041', /not minimal/],
    ['1f8101', /more than one octet/],
    ['3003', /too early/],
    ['30', /too early/],
    ['', /too early/],
    ['3082ff', /too early/],
  ])('%s is refused', (hex, reason) => expectRefusal(() => reader(hex).next(), 'malformedCsr', reason))

  it.each(['0200', '02020001', '0202007f', '0202ff80', '0202ffff'])('INTEGER %s is refused', (hex) =>
    expectRefusal(() => reader(hex).integer(), 'malformedCsr', /INTEGER/),
  )

  it.each(['0100', '010101', '01017f', '0102ffff'])('BOOLEAN %s is refused', (hex) =>
    expectRefusal(() => reader(hex).boolean(), 'malformedCsr', /BOOLEAN/),
  )

  it.each([
    '0600',
    '060180',
    '06025580',
    '0603558001',
    '06082affffffffffffff7f',
    `06162a${'ff'.repeat(20)}7f`,
  ])('OID %s is refused', (hex) =>
    expectRefusal(() => reader(hex).oid(), 'malformedCsr', /OBJECT IDENTIFIER/),
  )

  it.each(['0300', '03020780'])('BIT STRING %s is refused as octets', (hex) =>
    expectRefusal(() => reader(hex).bitString(), 'malformedCsr', /BIT STRING/),
  )

  it('bytes after the end are refused', () => {
    const outer = reader('300005')
    outer.enter().end()
    expectRefusal(() => outer.end(), 'malformedCsr', /bytes after its end/)
  })
})

describe('the content of an element', () => {
  // Behind the element that is entered there are more octets, which are none of its own.
  it.each([
    [`30030405aa${'bb'.repeat(8)}`, 'a length that goes beyond it'],
    ['30020482' + '0004bbbbbbbb', 'a length whose octets are beyond it'],
    ['300104' + '02bbbb', 'a tag alone'],
  ])('%s ends with %s', (hex) => {
    const inner = reader(hex).enter()
    expectRefusal(() => inner.next(), 'malformedCsr', /too early/)
  })

  it('ends where it ends', () => {
    const inner = reader('30030201050202').enter()
    expect(inner.smallInteger()).toBe(5)
    expect([inner.done, inner.tag, inner.optional(0x02)]).toEqual([true, -1, undefined])
  })
})

describe('object identifiers', () => {
  it.each([
    ['06092affffffffffffff7f', '1.2.72057594037927935'],
    // X.667: the arc below 2.25 is the UUID f81d4fae-7dec-11d0-a765-00a0c91e6bf6.
    ['06146983f09da7ebcfdee0c7a1a7b2c0948cc8f9d776', '2.25.329800735698586629295641978511506172918'],
    ['06088fffffffffffff7f', '2.9007199254740911'],
    [`0614${'ff'.repeat(19)}7f`, `2.${2n ** 140n - 81n}`],
    ['06024f03', '1.39.3'],
    ['06028837', '2.999'],
  ])('%s is %s, however large its numbers are', (hex, dotted) => expect(reader(hex).oid()).toBe(dotted))

  it('are read alike whether they were written before or not, and what is read is not kept', () => {
    const arcs = Array.from({ length: 2000 }, (_, n) => n + 7).join('.')
    const dotted = `2.5.4711.${arcs}`
    const octets = Buffer.concat([
      Buffer.of(0x55),
      ...`4711.${arcs}`.split('.').map((arc) => base128(Number(arc))),
    ])
    const read = () => new DerReader(der.tlv(0x06, octets), 'test').oid()
    expect(read()).toBe(dotted)
    expect(der.dottedForm(octets.toString('latin1'))).toBeUndefined()
    expect(der.oid(dotted).subarray(-octets.length)).toEqual(octets)
    expect(der.dottedForm(octets.toString('latin1'))).toBe(dotted)
    expect(read()).toBe(dotted)
  })
})

function base128(arc: number): Buffer {
  const octets = [arc % 128]
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift(0x80 | (rest % 128))
  return Buffer.from(octets)
}

describe('small integers', () => {
  it.each([
    ['020100', 0],
    ['02020080', 128],
    ['0206010000000000', 2 ** 40],
  ])('%s', (hex, value) => expect(reader(hex).smallInteger()).toBe(value))

  it.each(['0201ff', '020701000000000000'])('%s is out of range', (hex) =>
    expectRefusal(() => reader(hex).smallInteger(), 'malformedCsr', /out of range/),
  )
})

describe('tags', () => {
  it('names the tag that is wrong', () => {
    expectRefusal(() => reader('0500').expect(0x30), 'malformedCsr', /tag 0x5 where 0x30/)
    expectRefusal(() => reader('').expect(0x30), 'malformedCsr', /too early/)
  })

  it('an optional element of another tag is left where it is', () => {
    const both = reader('05000101ff')
    expect(both.optional(0x01)).toBeUndefined()
    expect(both.optional(0x05)?.bytes.toString('hex')).toBe('0500')
    expect(both.boolean()).toBe(true)
    expect(both.optional(0x05)).toBeUndefined()
    expect(both.done).toBe(true)
  })
})

describe('time', () => {
  const time = (tag: number, text: string) => new DerReader(der.tlv(tag, Buffer.from(text)), 'test').time()

  it('takes the century from the year (RFC 5280 4.1.2.5.1)', () => {
    expect(time(0x17, '491231235959Z')).toBe(Date.UTC(2049, 11, 31, 23, 59, 59) / 1000)
    expect(time(0x17, '500101000000Z')).toBe(Date.UTC(1950, 0, 1) / 1000)
    expect(time(0x18, '99991231235959Z')).toBe(Date.UTC(9999, 11, 31, 23, 59, 59) / 1000)
  })

  it.each([
    [0x17, '4912312359Z'],
    [0x17, '491231235959+0000'],
    [0x17, '490231000000Z'],
    [0x17, '490101240000Z'],
    [0x17, '491301000000Z'],
    [0x18, '20500101000000.5Z'],
    [0x18, '20500101000000'],
    [0x18, '00500101000000Z'],
    [0x04, '491231235959Z'],
  ])('0x%s %s is refused', (tag, text) =>
    expectRefusal(() => time(tag, text), 'malformedRequest', /has a time/),
  )
})

describe('round trips', () => {
  it('reads back what the writer writes', () => {
    const arcs = fc.tuple(fc.constantFrom(0, 1, 2), fc.nat(39), fc.array(fc.nat(), { maxLength: 8 }))
    fc.assert(
      fc.property(
        fc.nat({ max: 2 ** 31 - 1 }),
        fc.boolean(),
        arcs.map(([root, second, rest]) => [root, second, ...rest].join('.')),
        fc.uint8Array({ maxLength: 300 }),
        fc.integer({ min: -631_152_000, max: 253_402_300_799 }),
        (number, flag, oid, bytes, seconds) => {
          const encoded = der.sequence(
            der.integer(number),
            der.boolean(flag),
            der.oid(oid),
            der.bitString(bytes),
            der.octetString(bytes),
            der.time(seconds),
          )
          const outer = new DerReader(encoded, 'test')
          const inner = outer.enter()
          outer.end()
          expect(inner.smallInteger()).toBe(number)
          expect(inner.boolean()).toBe(flag)
          expect(inner.oid()).toBe(oid)
          expect(inner.bitString()).toEqual(Buffer.from(bytes))
          expect(inner.expect(0x04).content).toEqual(Buffer.from(bytes))
          expect(inner.time()).toBe(seconds)
          inner.end()
        },
      ),
    )
  })

  it('whatever element it reads is the only encoding of it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const element = parsesOrRefuses(() => new DerReader(bytes, 'test').next())
        if (element) expect(der.tlv(element.tag, element.content)).toEqual(element.bytes)
      }),
    )
  })
})
