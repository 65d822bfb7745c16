import { randomFillSync } from 'node:crypto'
import { CaError } from '../errors.ts'

/**
 * A serial number of 158 random bits in 20 octets, as lower-case hexadecimal. The top octet is 0x40 to 0x7f:
 * positive, and of one length for all, within the 20 octets that RFC 5280 4.1.2.2 allows.
 */
export function newSerialNumber(random: (octets: number) => Buffer = drawn): string {
  const octets = Buffer.from(random(20))
  octets[0] = (octets[0]! & 0x3f) | 0x40
  return octets.toString('hex')
}

/** Drawn for the next ones: asking for 20 octets takes as long as asking for 4,000. */
const pool = Buffer.alloc(4000)
let used = pool.length

function drawn(octets: number): Buffer {
  if (used + octets > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += octets
  return pool.subarray(used - octets, used)
}

/**
 * A serial number as somebody typed or pasted it (any case, colons between octets) in the form that the
 * store keeps: lower-case, whole octets, no leading zero octets. Text of digits alone is hexadecimal too.
 */
export function normaliseSerial(text: string): string {
  if (!/^(?:[0-9a-f]+|[0-9a-f]{2}(?::[0-9a-f]{2})+)$/i.test(text)) refuse()
  const digits = text.replaceAll(':', '').toLowerCase()
  const whole = digits.length % 2 === 1 ? `0${digits}` : digits
  const trimmed = whole.replace(/^(?:00)+(?=..)/, '')
  if (trimmed.length > 40) refuse()
  return trimmed
}

function refuse(): never {
  throw new CaError(
    'malformedRequest',
    'A serial number is hexadecimal, at most 40 digits, with or without colons between octets and without "0x". Decimal serial numbers must be converted first.',
  )
}
