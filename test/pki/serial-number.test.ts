import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { newSerialNumber, normaliseSerial } from '../../src/pki/serial-number.ts'

describe('newSerialNumber', () => {
  it('is 20 octets that read as a positive INTEGER, whatever is drawn', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 20, maxLength: 20 }), (drawn) => {
        const serial = newSerialNumber(() => Buffer.from(drawn))
        expect(serial).toMatch(/^[4-7][0-9a-f]{39}$/)
        expect(serial.slice(2)).toBe(Buffer.from(drawn).toString('hex').slice(2))
      }),
    )
  })

  it("keeps six bits of the top octet, and the caller's octets", () => {
    const drawn = Buffer.alloc(20, 0xff)
    expect(newSerialNumber(() => drawn)).toBe(`7f${'ff'.repeat(19)}`)
    expect(drawn[0]).toBe(0xff)
    expect(newSerialNumber(() => Buffer.alloc(20))).toBe(`40${'00'.repeat(19)}`)
  })

  it('does not repeat', () => {
    const serials = Array.from({ length: 1000 }, () => newSerialNumber())
    expect(new Set(serials).size).toBe(1000)
  })
})

describe('normaliseSerial', () => {
  it.each([
    ['4F:01:AB', '4f01ab'],
    ['4f01ab', '4f01ab'],
    ['00:f0:01', 'f001'],
    ['0000', '00'],
    ['f01', '0f01'],
    ['7', '07'],
    ['12345678', '12345678'],
    [`00${'ff'.repeat(20)}`, 'ff'.repeat(20)],
  ])('reads %s as %s', (text, serial) => {
    expect(normaliseSerial(text)).toBe(serial)
  })

  it.each([
    '',
    '0x4f01',
    '4f 01',
    '4f-01',
    ':4f',
    '4f:',
    '4f:1',
    '4f01:ab',
    '4f::01',
    '-4f',
    'serial',
    '4f\n',
    'ff'.repeat(21),
    // A decimal serial number of 20 octets has more digits than that.
    '456789012345678901234567890123456789012345678901',
  ])('refuses %j and says what a serial number looks like', (text) => {
    expect(() => normaliseSerial(text)).toThrow(
      expect.objectContaining({ code: 'malformedRequest', detail: expect.stringContaining('hexadecimal') }),
    )
  })

  it('leaves new serial numbers as they are, in whatever form they come back', () => {
    fc.assert(
      fc.property(
        fc.constant(null).map(() => newSerialNumber()),
        (serial) => {
          expect(normaliseSerial(serial)).toBe(serial)
          expect(normaliseSerial(serial.toUpperCase().replace(/..(?=.)/g, '$&:'))).toBe(serial)
        },
      ),
    )
  })
})
