import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { LongBodies, SLICE } from './long-bodies.ts'
import { rangeOf } from './ranges.ts'

/** How a public answer may be kept. Times in seconds since 1970. */
export interface Freshness {
  /** Seconds. */
  readonly maxAge: number
  /** Quoted, as the header has it. */
  readonly etag: string
  readonly lastModified: number
  /**
   * Whoever got something from `from` to `now` got this one, and not one before it. Absent where no date says so: then only the
   * entity tag tells what somebody has.
   */
  readonly served?: { readonly from: number; readonly now: number }
  readonly expires: number
  /** False once another has taken its place; absent for what stays. Asked for as long as somebody reads it. */
  readonly isCurrent?: () => boolean
}

/**
 * Sends `body` with the headers of RFC 5019 6.2, or 304 if the client has it already. A Buffer, so that there
 * is a Content-Length: nginx and mod_ssl cannot read a chunked OCSP answer.
 */
export function sendFresh(
  request: FastifyRequest,
  reply: FastifyReply,
  contentType: string,
  body: Buffer,
  freshness: Freshness,
): FastifyReply {
  reply.headers(freshnessHeaders(freshness))
  if (isKnown(request, freshness)) return reply.code(304).send()
  reply.header('content-type', contentType)
  return sendBody(reply, body, freshness.isCurrent)
}

/** `sendFresh`, of which a client may ask for a part, such as what it lacks of a long list (RFC 9110 14). */
export function sendFreshInParts(
  request: FastifyRequest,
  reply: FastifyReply,
  contentType: string,
  body: Buffer,
  freshness: Freshness,
): FastifyReply {
  reply.header('accept-ranges', 'bytes')
  const range = isKnown(request, freshness) ? null : rangeOf(request.raw, body.length, freshness.etag)
  if (range === null) return sendFresh(request, reply, contentType, body, freshness)
  if (range === 'unsatisfiable') {
    return reply
      .code(416)
      .headers({ 'content-range': `bytes */${body.length}`, 'cache-control': 'no-store' })
      .send()
  }
  const { start, end } = range
  reply.code(206).headers(freshnessHeaders(freshness))
  reply.headers({ 'content-type': contentType, 'content-range': `bytes ${start}-${end - 1}/${body.length}` })
  return sendBody(reply, body.subarray(start, end), freshness.isCurrent)
}

/** With a Content-Length, and no more at once than a slow client may cost. */
export function sendBody(
  reply: FastifyReply,
  body: Buffer,
  isCurrent: () => boolean = () => true,
): FastifyReply {
  const isSecured = 'encrypted' in reply.request.raw.socket
  if (body.length < (isSecured ? LONG_SECURED : LONG)) return reply.send(body)
  return reply.header('content-length', body.length).send(longBodies.read(body, isCurrent))
}

/** Of all listeners. */
const longBodies = new LongBodies()

/** Octets. */
const LONG = 1024 * 1024
/** TLS encrypts at once what it is given at once: each slow client would cost a copy. Octets. */
const LONG_SECURED = 2 * SLICE

export function freshnessHeaders({ maxAge, etag, lastModified, expires }: Freshness): Record<string, string> {
  return {
    'cache-control': `max-age=${maxAge}, public, no-transform, must-revalidate`,
    etag,
    'last-modified': httpDate(lastModified),
    expires: httpDate(expires),
  }
}

/** RFC 9110 13.2.2: If-None-Match goes before If-Modified-Since, and both mean GET and HEAD alone. */
export function isKnown(
  { method, headers }: Pick<IncomingMessage, 'method' | 'headers'>,
  { etag, served }: Pick<Freshness, 'etag' | 'served'>,
): boolean {
  if (method !== 'GET' && method !== 'HEAD') return false
  const tags = headers['if-none-match']
  if (tags !== undefined) {
    return tags.split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag)
  }
  const since = headers['if-modified-since']
  if (since === undefined || !served) return false
  const date = Date.parse(since) / 1000
  // One from the future is that of an answer from before the clock was set back.
  return served.from <= date && date <= served.now
}

/** RFC 9110 5.6.7, of seconds since 1970. */
export function httpDate(seconds: number): string {
  return new Date(seconds * 1000).toUTCString()
}
