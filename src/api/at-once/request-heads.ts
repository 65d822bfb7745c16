import { KNOWN_OCTETS } from '../ocsp.ts'

/** An OCSP request of the plainest form. */
export interface PlainRequest {
  readonly method: 'GET' | 'POST'
  readonly url: string
  /** As `KnownAnswers` knows it: the address of a GET, the body of a POST. */
  readonly asked: string
  /** Where the next one begins. */
  readonly end: number
}

const VERSION = ' HTTP/1.1'
/** RFC 9110 5.1, 5.5, without what is obsolete. */
const FIELD = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e]*)$/
/** What changes how the message is read or answered. */
const SPECIAL =
  /^(?:if-.+|transfer-encoding|trailer|te|expect|upgrade|keep-alive|proxy-connection|http2-settings)$/
/** Octets of a head's fields that are worth being known again. */
const MOST_OCTETS = 2048
const MOST_KNOWN = 256

/** Announced length of the body; null for fields that are left to others. */
type Fields = number | null

/**
 * Reads requests for OCSP off a connection if they are as plain as nearly all are, and leaves all others, above all those that
 * are wrong, to Node: what is read here is read there in the same way. A client sends the same fields each time, so those that
 * were found good are known again.
 */
export class RequestHeads {
  readonly #known = new Map<string, Fields>()

  /** The request that begins at `at`, if all of it is there. `text` is Latin-1. Its address may be anything: nobody knows what Node did not read. */
  read(text: string, at: number): PlainRequest | null {
    const method = text.startsWith('GET /ocsp/', at)
      ? 'GET'
      : text.startsWith('POST /ocsp', at)
        ? 'POST'
        : null
    if (method === null) return null
    const lineEnd = text.indexOf('\r\n', at)
    const headEnd = lineEnd < 0 ? -1 : text.indexOf('\r\n\r\n', lineEnd)
    if (headEnd < 0 || !text.endsWith(VERSION, lineEnd)) return null
    const url = text.slice(at + method.length + 1, lineEnd - VERSION.length)
    const length = this.#bodyLength(text.slice(lineEnd + 2, headEnd))
    const body = headEnd + 4
    if (method === 'GET') return length === 0 ? { method, url, asked: url, end: body } : null
    if (url !== '/ocsp' && url !== '/ocsp/') return null
    // An OCSPRequest is a SEQUENCE; what is none is known to nobody, unless as the address of a GET.
    if (!length || length > KNOWN_OCTETS || body + length > text.length || text[body] !== '0') return null
    return { method, url, asked: text.slice(body, body + length), end: body + length }
  }

  #bodyLength(fields: string): Fields {
    const known = this.#known.get(fields)
    if (known !== undefined) return known
    const length = bodyLength(fields)
    if (fields.length > MOST_OCTETS) return length
    if (this.#known.size >= MOST_KNOWN) this.#known.clear()
    // A copy: a slice would keep all that came with it.
    this.#known.set(Buffer.from(fields, 'latin1').toString('latin1'), length)
    return length
  }
}

function bodyLength(fields: string): Fields {
  let hosts = 0
  let length: number | null = null
  for (const line of fields.split('\r\n')) {
    const [, name = '', value = ''] = FIELD.exec(line) ?? []
    const field = name.toLowerCase()
    if (field === '' || SPECIAL.test(field)) return null
    if (field === 'host') hosts++
    if (field === 'connection' && value.toLowerCase() !== 'keep-alive') return null
    if (field !== 'content-length') continue
    if (length !== null || !/^\d{1,9}$/.test(value)) return null
    length = Number(value)
  }
  return hosts === 1 ? (length ?? 0) : null
}
