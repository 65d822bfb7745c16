import { promisify } from 'node:util'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Freshness, isKnown, sendFresh, sendFreshInParts } from './freshness.ts'
import { qualityValues } from './quality-values.ts'

/** Octets. Below, the header costs as much as is won. */
const WORTHWHILE = 1024

/**
 * Octets that are compressed at once; what is longer is compressed when nothing else is. A list of a million entries takes seconds of
 * one of libuv's four threads, which make signatures too, and has several forms.
 */
const MOST_AT_ONCE = 4 * 1024 * 1024

/** Once for each body, whoever asks at the same time. In libuv's threads, so that nobody waits for it but who asked. */
const compressed = new WeakMap<Buffer, Promise<Buffer>>()
let underWay = 0

/**
 * `sendFreshInParts`, in gzip for clients that accept it and ask for the whole. For bodies that are kept: each is compressed once,
 * by its identity. Where others are being compressed it is sent as it is, rather than kept until its turn comes: a stream of revocations makes
 * lists faster than they are compressed.
 * The compressed form has an entity tag of its own (RFC 9110 8.8.3.3).
 */
export async function sendFreshCompressed(
  request: FastifyRequest,
  reply: FastifyReply,
  contentType: string,
  body: Buffer,
  freshness: Freshness,
): Promise<FastifyReply> {
  reply.header('vary', 'accept-encoding')
  const { range, 'accept-encoding': accepted } = request.headers
  const asItIs = () => sendFreshInParts(request, reply, contentType, body, freshness)
  // A part is of what would be sent without compression: what differs from request to request has no parts.
  if (body.length < WORTHWHILE || range !== undefined || !acceptsGzip(accepted)) return asItIs()
  const ofSmaller = { ...freshness, etag: freshness.etag.replace(/"$/, '-gzip"') }
  const inGzip = (smaller: Buffer) =>
    sendFresh(request, reply.header('content-encoding', 'gzip'), contentType, smaller, ofSmaller)
  // Who has either form is sent none.
  if (isKnown(request, ofSmaller)) return inGzip(body)
  const smaller = isKnown(request, freshness) ? null : compressedForm(body)
  return smaller ? inGzip(await smaller) : asItIs()
}

/** Null where it is not there, and others are being made. */
function compressedForm(body: Buffer): Promise<Buffer> | null {
  const known = compressed.get(body)
  if (known) return known
  if (underWay > 0 && underWay + body.length > MOST_AT_ONCE) return null
  underWay += body.length
  const made = compress(body).finally(() => {
    underWay -= body.length
  })
  compressed.set(body, made)
  return made
}

/** RFC 9110 12.5.3: nothing said means nothing wanted. */
export function acceptsGzip(header: string | string[] | undefined): boolean {
  const weights = qualityValues(header)
  return (weights.get('gzip') ?? weights.get('*') ?? 0) > 0
}

/** Loaded by the first client that wants it: with archives and all, it would be a hundredth of a start. */
async function compress(body: Buffer): Promise<Buffer> {
  const { gzip } = await import('node:zlib')
  return promisify(gzip)(body)
}
