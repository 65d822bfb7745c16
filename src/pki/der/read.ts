import { CaError, type ErrorCode } from '../../errors.ts'
import { dottedForm, TAG } from './write.ts'

/**
 * One TLV: `bytes` is the whole of it, `content` its content octets; both are views, never copies. They are made when they
 * are asked for: reading a certificate enters most of its elements, and a view costs as much as all else of one.
 */
export class Element {
  readonly tag: number
  readonly #source: Buffer
  readonly #start: number
  readonly #content: number
  readonly #end: number

  constructor(tag: number, source: Buffer, start: number, content: number, end: number) {
    this.tag = tag
    this.#source = source
    this.#start = start
    this.#content = content
    this.#end = end
  }

  get bytes(): Buffer {
    return this.#source.subarray(this.#start, this.#end)
  }

  get content(): Buffer {
    return this.#source.subarray(this.#content, this.#end)
  }

  /** The content, a character for each octet. */
  get latin1(): string {
    return this.#source.toString('latin1', this.#content, this.#end)
  }

  /** A reader over the content. */
  enter(what: string, code: ErrorCode): DerReader {
    return new DerReader(this.#source, what, code, this.#content, this.#end)
  }
}

/** Octets: a UUID's 128 bits have 19. */
const LONGEST_ARC = 20

/**
 * A strict DER reader (X.690 8 and 10): definite minimal lengths, single-octet tags, nothing left over.
 * Whatever BER allows beyond that is refused, since two parsers that read one certificate differently
 * are how names get past a CA. Errors are `CaError` with the code of whoever reads ("malformedCsr").
 */
export class DerReader {
  readonly #bytes: Buffer
  readonly #code: ErrorCode
  readonly #what: string
  readonly #end: number
  #at: number

  /** `start` and `end`: where in `bytes` it reads; by default all of them. */
  constructor(
    bytes: Uint8Array,
    what: string,
    code: ErrorCode = 'malformedRequest',
    start = 0,
    end = bytes.byteLength,
  ) {
    this.#bytes = Buffer.isBuffer(bytes)
      ? bytes
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
    this.#code = code
    this.#at = start
    this.#end = end
  }

  get done(): boolean {
    return this.#at >= this.#end
  }

  /** The next element's tag, or -1 at the end. */
  get tag(): number {
    return this.#at < this.#end ? this.#bytes[this.#at]! : -1
  }

  next(): Element {
    const bytes = this.#bytes
    const start = this.#at
    if (start + 2 > this.#end) this.fail('ends too early')
    const tag = bytes[start]!
    const first = bytes[start + 1]!
    if ((tag & 0x1f) === 0x1f) this.fail('has a tag of more than one octet')
    let at = start + 2
    let length = first
    if (first >= 0x80) {
      const count = first & 0x7f
      if (count === 0 || count > 4) this.fail('has an indefinite or oversized length')
      if (at + count > this.#end) this.fail('ends too early')
      length = bytes.readUIntBE(at, count)
      if (length < 0x80 || bytes[at] === 0) this.fail('has a length that is not minimal')
      at += count
    }
    const end = at + length
    if (end > this.#end) this.fail('ends too early')
    this.#at = end
    return new Element(tag, bytes, start, at, end)
  }

  /** The next element, which must have this tag. */
  expect(tag: number): Element {
    if (this.tag !== tag) {
      if (this.done) this.fail('ends too early')
      this.fail(`has tag 0x${this.tag.toString(16)} where 0x${tag.toString(16)} belongs`)
    }
    return this.next()
  }

  /** The next element if it has this tag, else undefined and nothing is consumed. */
  optional(tag: number): Element | undefined {
    return this.tag === tag ? this.next() : undefined
  }

  /** A reader over the content of the next element, which must have this tag. */
  enter(tag: number = TAG.sequence): DerReader {
    return this.into(this.expect(tag))
  }

  into(element: Element): DerReader {
    return element.enter(this.#what, this.#code)
  }

  /** Must be called when a structure is read through: trailing bytes are an error. */
  end(): void {
    if (!this.done) this.fail('has bytes after its end')
  }

  /** INTEGER content octets, checked to be minimal; may be negative: the caller looks at the top bit. */
  integer(): Buffer {
    const { content } = this.expect(TAG.integer)
    if (content.length === 0) this.fail('has an empty INTEGER')
    if (
      content.length > 1 &&
      ((content[0] === 0 && !(content[1]! & 0x80)) || (content[0] === 0xff && content[1]! & 0x80))
    ) {
      this.fail('has an INTEGER that is not minimal')
    }
    return content
  }

  /** A small non-negative INTEGER. */
  smallInteger(): number {
    const content = this.integer()
    if (content.length > 6 || content[0]! & 0x80) this.fail('has an INTEGER out of range')
    return content.readUIntBE(0, content.length)
  }

  boolean(): boolean {
    const { content } = this.expect(TAG.boolean)
    if (content.length !== 1 || (content[0] !== 0 && content[0] !== 0xff))
      this.fail('has a BOOLEAN that is not DER')
    return content[0] === 0xff
  }

  /** OBJECT IDENTIFIER in dotted form. */
  oid(): string {
    const element = this.expect(TAG.oid)
    return dottedForm(element.latin1) ?? this.#dotted(element.content)
  }

  #dotted(content: Buffer): string {
    if (content.length === 0 || content.at(-1)! & 0x80) this.fail('has a broken OBJECT IDENTIFIER')
    const arcs: (number | bigint)[] = []
    let start = 0
    content.forEach((octet, i) => {
      if (octet & 0x80) return
      arcs.push(this.#arc(content.subarray(start, i + 1)))
      start = i + 1
    })
    const first = arcs[0]!
    const root = first < 80 ? Math.floor(Number(first) / 40) : 2
    const second = typeof first === 'number' ? first - root * 40 : first - 80n
    return [root, second, ...arcs.slice(1)].join('.')
  }

  /** A number for what a number holds. A UUID, as it stands below 2.25 (X.667), has 128 bits. */
  #arc(octets: Buffer): number | bigint {
    if (octets[0] === 0x80) this.fail('has a broken OBJECT IDENTIFIER')
    if (octets.length > LONGEST_ARC) this.fail('has an oversized OBJECT IDENTIFIER')
    if (octets.length <= 7) return octets.reduce((arc, octet) => arc * 128 + (octet & 0x7f), 0)
    return octets.reduce((arc, octet) => arc * 128n + BigInt(octet & 0x7f), 0n)
  }

  /** BIT STRING without unused bits (keys and signatures): its octets. */
  bitString(): Buffer {
    const { content } = this.expect(TAG.bitString)
    if (content.length === 0 || content[0] !== 0) this.fail('has a BIT STRING with unused bits')
    return content.subarray(1)
  }

  /** UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 profiles them: whole seconds, Z. Seconds since 1970. */
  time(): number {
    const { tag, content } = this.next()
    const digitsOfYear = tag === TAG.utcTime ? 2 : tag === TAG.generalizedTime ? 4 : 0
    if (digitsOfYear === 0 || content.length !== digitsOfYear + 11 || !isTime(content))
      this.fail('has a time that is not of the form RFC 5280 wants')
    const two = (at: number) => (content[at]! - 0x30) * 10 + content[at + 1]! - 0x30
    const at = digitsOfYear
    const year = at === 4 ? two(0) * 100 + two(2) : two(0) + (two(0) < 50 ? 2000 : 1900)
    const [month, day, hour, minute, second] = [two(at), two(at + 2), two(at + 4), two(at + 6), two(at + 8)]
    const milliseconds = Date.UTC(year, month - 1, day, hour, minute, second)
    const date = new Date(milliseconds)
    // Date.UTC rolls 31 February over into March, and takes the year 50 for 1950; only what reads back the same existed.
    const exists =
      date.getUTCFullYear() === year &&
      date.getUTCMonth() === month - 1 &&
      date.getUTCDate() === day &&
      date.getUTCHours() === hour &&
      date.getUTCMinutes() === minute &&
      date.getUTCSeconds() === second
    if (!exists) this.fail('has a time that does not exist')
    return milliseconds / 1000
  }

  fail(reason: string): never {
    throw new CaError(this.#code, `The ${this.#what} is not valid DER: it ${reason}.`)
  }
}

/** Digits, and a Z at their end. */
function isTime(content: Buffer): boolean {
  const last = content.length - 1
  for (let i = 0; i < last; i++) if (content[i]! < 0x30 || content[i]! > 0x39) return false
  return content[last] === 0x5a
}
