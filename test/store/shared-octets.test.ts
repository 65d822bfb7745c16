import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Form, unpack } from '../../src/store/shared-octets.ts'

const octets = fc.uint8Array({ maxLength: 1500 }).map((bytes) => Buffer.from(bytes))

/** Two that are made of the same parts, in different orders and with others between. */
const relatives = fc
  .tuple(fc.array(octets, { minLength: 1, maxLength: 5 }), fc.infiniteStream(fc.nat({ max: 4 })), octets)
  .map(([parts, picks, other]) => {
    const some = [...picks.take(6)].map((pick) => parts[pick % parts.length]!)
    return [Buffer.concat(parts), Buffer.concat([...some.slice(0, 3), other, ...some.slice(3)])] as const
  })

describe('what was packed', () => {
  test('is given back to the last octet, whatever form it was packed by', () => {
    fc.assert(
      fc.property(octets, octets, (form, whole) => {
        expect(unpack(new Form(form).pack(whole), form)).toEqual(whole)
      }),
    )
    fc.assert(
      fc.property(relatives, ([form, whole]) => {
        expect(unpack(new Form(form).pack(whole), form)).toEqual(whole)
      }),
    )
  })

  test('takes the room of what differs', () => {
    const [head, key, names, tail] = [200, 64, 40, 300].map((size) => randomBytes(size))
    const form = Buffer.concat([head!, randomBytes(64), randomBytes(25), tail!, randomBytes(72)])
    const packed = new Form(form).pack(Buffer.concat([head!, key!, names!, tail!, randomBytes(71)]))
    expect(packed.length).toBeLessThan(64 + 40 + 71 + 20)
  })

  test('is refused with a form that is too short for it, and where it was cut off or lengthened', () => {
    const form = randomBytes(400)
    const packed = new Form(form).pack(Buffer.concat([form, randomBytes(20)]))
    expect(() => unpack(packed, form.subarray(0, 300))).toThrow(/do not belong/)
    for (const cut of [0, 1, 3, packed.length - 1])
      expect(() => unpack(packed.subarray(0, cut), form)).toThrow(/do not belong/)
    expect(() => unpack(Buffer.concat([packed, Buffer.from([1, 7])]), form)).toThrow(/do not belong/)
  })
})
