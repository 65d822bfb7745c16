import { CaError, type ErrorCode } from '../../errors.ts'
import { TAG } from './write.ts'

/** One TLV: `bytes` is the whole of it, `content` its content octets; both are views, never copies. */
export interface Element {
  readonly tag: number
  readonly bytes: Buffer
  readonly content: Buffer
}

/**
 * A strict DER reader (X.690 8 and 10): definite minimal lengths, single-octet tags, nothing left over.
 * Whatever BER allows beyond that is refused, since two parsers that read one certificate differently
 * are how names get past a CA. Errors are `CaError` with the code of whoever reads ("malformedCsr").
 */
export class DerReader {
  readonly #bytes: Buffer
  readonly #code: ErrorCode
  readonly #what: string
  #at = 0

  constructor(bytes: Uint8Array, what: string, code: ErrorCode = 'malformedRequest') {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.#what = what
    this.#code = code
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  /** The next element's tag, or -1 at the end. */
  get tag(): number {
    return this.#bytes[this.#at] ?? -1
  }

  next(): Element {
    const bytes = this.#bytes
    const start = this.#at
    const tag = bytes[start]
    const first = bytes[start + 1]
    if (tag === undefined || first === undefined) this.fail('ends too early')
    if ((tag & 0x1f) === 0x1f) this.fail('has a tag of more than one octet')
    let at = start + 2
    let length = first
    if (first >= 0x80) {
      const count = first & 0x7f
      if (count === 0 || count > 4) this.fail('has an indefinite or oversized length')
      if (at + count > bytes.length) this.fail('ends too early')
      length = bytes.readUIntBE(at, count)
      if (length < 0x80 || bytes[at] === 0) this.fail('has a length that is not minimal')
      at += count
    }
    const end = at + length
    if (end > bytes.length) this.fail('ends too early')
    this.#at = end
    return { tag, bytes: bytes.subarray(start, end), content: bytes.subarray(at, end) }
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
    return new DerReader(element.content, this.#what, this.#code)
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
    const { content } = this.expect(TAG.oid)
    if (content.length === 0 || content.at(-1)! & 0x80) this.fail('has a broken OBJECT IDENTIFIER')
    const arcs: number[] = []
    let arc = 0
    let fresh = true
    for (const octet of content) {
      if (fresh && octet === 0x80) this.fail('has a broken OBJECT IDENTIFIER')
      arc = arc * 128 + (octet & 0x7f)
      if (arc > Number.MAX_SAFE_INTEGER / 128) this.fail('has an oversized OBJECT IDENTIFIER')
      fresh = !(octet & 0x80)
      if (fresh) {
        arcs.push(arc)
        arc = 0
      }
    }
    const first = arcs[0]!
    const root = Math.min(Math.floor(first / 40), 2)
    return [root, first - root * 40, ...arcs.slice(1)].join('.')
  }

  /** BIT STRING without unused bits (keys and signatures): its octets. */
  bitString(): Buffer {
    const { content } = this.expect(TAG.bitString)
    if (content.length === 0 || content[0] !== 0) this.fail('has a BIT STRING with unused bits')
    return content.subarray(1)
  }

  /** UTCTime or GeneralizedTime as RFC 5280 4.1.2.5 profiles them: whole seconds, Z. Seconds since 1970. */
  time(): number {
    const element = this.next()
    const text = element.content.toString('latin1')
    const match =
      element.tag === TAG.utcTime
        ? /^(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
        : element.tag === TAG.generalizedTime
          ? /^(\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z$/.exec(text)
          : null
    if (!match) this.fail('has a time that is not of the form RFC 5280 wants')
    const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
      number,
      number,
      number,
      number,
      number,
      number,
    ]
    const fullYear = element.tag === TAG.utcTime ? year + (year < 50 ? 2000 : 1900) : year
    const milliseconds = Date.UTC(fullYear, month - 1, day, hour, minute, second)
    // Date.UTC rolls 31 February over into March; only a date that reads back the same existed.
    const digits = new Date(milliseconds).toISOString().slice(0, 19).replace(/[-:T]/g, '')
    if (!digits.endsWith(text.slice(0, -1))) this.fail('has a time that does not exist')
    return milliseconds / 1000
  }

  fail(reason: string): never {
    throw new CaError(this.#code, `The ${this.#what} is not valid DER: it ${reason}.`)
  }
}
