/**
 * DER encoding (X.690) of the few types that certificates, CRLs and OCSP responses are made of.
 * Every function returns a whole TLV; contents are given already encoded.
 */

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
} as const

/** One TLV with a single-octet tag and a definite, minimal length. */
export function tlv(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  let length = 0
  for (const part of contents) length += part.length
  const header = headerLength(length)
  const out = Buffer.allocUnsafe(header + length)
  writeHeader(out, tag, header, length)
  let at = header
  for (const part of contents) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** Tag and length of a TLV alone, for contents too long to be copied at each level. */
export function tlvHeader(tag: number, length: number): Buffer {
  const header = headerLength(length)
  const out = Buffer.allocUnsafe(header)
  writeHeader(out, tag, header, length)
  return out
}

function headerLength(length: number): number {
  return length < 0x80 ? 2 : length < 0x100 ? 3 : length < 0x10000 ? 4 : length < 0x1000000 ? 5 : 6
}

function writeHeader(out: Buffer, tag: number, header: number, length: number): void {
  out[0] = tag
  if (header === 2) out[1] = length
  else {
    out[1] = 0x80 | (header - 2)
    out.writeUIntBE(length, 2, header - 2)
  }
}

export function sequence(...elements: readonly Uint8Array[]): Buffer {
  return tlv(TAG.sequence, ...elements)
}

/** SET OF: DER sorts the encodings (X.690 11.6). */
export function setOf(...elements: readonly Uint8Array[]): Buffer {
  return tlv(TAG.set, ...[...elements].sort((a, b) => Buffer.compare(a, b)))
}

/** A non-negative INTEGER from a number, or from unsigned big-endian bytes. */
export function integer(value: number | Uint8Array): Buffer {
  return tlv(TAG.integer, integerContent(value))
}

/** The content octets of a non-negative INTEGER: minimal, with a zero octet where the top bit is set. */
export function integerContent(value: number | Uint8Array): Buffer {
  let bytes: Uint8Array
  if (typeof value === 'number') {
    if (!Number.isSafeInteger(value) || value < 0)
      throw new RangeError(`not a non-negative integer: ${value}`)
    const hex = value.toString(16)
    bytes = Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex')
  } else bytes = value
  let start = 0
  while (start < bytes.length - 1 && bytes[start] === 0) start++
  const trimmed = bytes.subarray(start)
  if (trimmed.length === 0) return Buffer.from([0])
  return trimmed[0]! & 0x80 ? Buffer.concat([Buffer.from([0]), trimmed]) : Buffer.from(trimmed)
}

export function enumerated(value: number): Buffer {
  return tlv(TAG.enumerated, integerContent(value))
}

/** DER BOOLEAN: TRUE is 0xff. A DEFAULT FALSE is left out by the caller. */
export function boolean(value: boolean): Buffer {
  return Buffer.from([TAG.boolean, 1, value ? 0xff : 0])
}

export const NULL: Buffer = Buffer.from([TAG.null, 0])

const oidCache = new Map<string, Buffer>()
const dottedForms = new Map<string, string>()

/**
 * The dotted form of an identifier that was encoded here before, by its content octets: the same dozen stand in every
 * certificate. What strangers send is not kept.
 */
export function dottedForm(latin1: string): string | undefined {
  return dottedForms.get(latin1)
}

/** OBJECT IDENTIFIER from its dotted form; encodings are kept, so callers may share but not change them. */
export function oid(dotted: string): Buffer {
  const known = oidCache.get(dotted)
  if (known) return known
  const arcs = dotted.split('.').map(Number)
  // X.660 7.6: the second arc is below 40 under 0 and 1; else another identifier would be written in silence.
  const form = /^(?:[01]\.[1-3]?[0-9]|2\.(?:0|[1-9][0-9]*))(?:\.(?:0|[1-9][0-9]*))*$/
  if (!form.test(dotted) || !arcs.every(Number.isSafeInteger)) {
    throw new RangeError(`not an object identifier: ${dotted}`)
  }
  const octets: number[] = []
  for (const arc of [arcs[0]! * 40 + arcs[1]!, ...arcs.slice(2)]) {
    const base128 = [arc % 128]
    for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
      base128.unshift(0x80 | (rest % 128))
    octets.push(...base128)
  }
  const content = Buffer.from(octets)
  const encoded = tlv(TAG.oid, content)
  oidCache.set(dotted, encoded)
  dottedForms.set(content.toString('latin1'), dotted)
  return encoded
}

export function octetString(...contents: readonly Uint8Array[]): Buffer {
  return tlv(TAG.octetString, ...contents)
}

export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return tlv(TAG.bitString, Buffer.from([unusedBits]), bytes)
}

/** A BIT STRING with a named-bit list, trailing zero bits removed (X.690 11.2.2). Bits count from the left. */
export function namedBits(bits: readonly number[]): Buffer {
  if (bits.length === 0) return bitString(Buffer.alloc(0))
  const highest = Math.max(...bits)
  const bytes = Buffer.alloc((highest >> 3) + 1)
  for (const bit of bits) bytes[bit >> 3]! |= 0x80 >> (bit & 7)
  return bitString(bytes, 7 - (highest & 7))
}

export function utf8String(text: string): Buffer {
  return tlv(TAG.utf8String, Buffer.from(text, 'utf8'))
}

export function printableString(text: string): Buffer {
  return tlv(TAG.printableString, Buffer.from(text, 'latin1'))
}

export function ia5String(text: string): Buffer {
  return tlv(TAG.ia5String, Buffer.from(text, 'latin1'))
}

/**
 * Time as RFC 5280 4.1.2.5 wants it: UTCTime through 2049, GeneralizedTime from 2050; whole seconds, Z. RangeError for
 * what neither can hold.
 */
export function time(seconds: number): Buffer {
  const generalized = timeDigits(seconds)
  const year = Number(generalized.slice(0, 4))
  return year >= 1950 && year < 2050
    ? tlv(TAG.utcTime, Buffer.from(`${generalized.slice(2)}Z`, 'latin1'))
    : tlv(TAG.generalizedTime, Buffer.from(`${generalized}Z`, 'latin1'))
}

/** GeneralizedTime with whole seconds, as OCSP (RFC 6960 4.2.2.1) and invalidityDate want it. */
export function generalizedTime(seconds: number): Buffer {
  return tlv(TAG.generalizedTime, Buffer.from(`${timeDigits(seconds)}Z`, 'latin1'))
}

/** Seconds since 1970 of the years 0000 to 9999, which is what four digits can say. */
const EARLIEST = Date.parse('0000-01-01T00:00:00Z') / 1000
const LATEST = Date.parse('9999-12-31T23:59:59Z') / 1000

/** By hand: an ISO string and what is to be cut out of it take five times as long, twice in each certificate. */
const TWO_DIGITS: readonly string[] = Array.from({ length: 100 }, (_, n) => String(n).padStart(2, '0'))

function timeDigits(seconds: number): string {
  // Another year would be written with a sign and six digits, and be cut to a time that nobody can read.
  if (!Number.isInteger(seconds) || seconds < EARLIEST || seconds > LATEST)
    throw new RangeError(`not a time that DER can hold: ${seconds}`)
  const date = new Date(seconds * 1000)
  const year = date.getUTCFullYear()
  const day = TWO_DIGITS[date.getUTCMonth() + 1]! + TWO_DIGITS[date.getUTCDate()]!
  const time =
    TWO_DIGITS[date.getUTCHours()]! + TWO_DIGITS[date.getUTCMinutes()]! + TWO_DIGITS[date.getUTCSeconds()]!
  return TWO_DIGITS[Math.floor(year / 100)]! + TWO_DIGITS[year % 100]! + day + time
}

/** [number] EXPLICIT, or IMPLICIT over a constructed type: the context tag with the constructed bit. */
export function context(number: number, ...contents: readonly Uint8Array[]): Buffer {
  return tlv(0xa0 | number, ...contents)
}

/** [number] IMPLICIT over a primitive type; `content` is the content octets alone. */
export function contextPrimitive(number: number, content: Uint8Array): Buffer {
  return tlv(0x80 | number, content)
}
