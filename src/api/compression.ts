import { promisify } from 'node:util'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Freshness, sendFresh, sendFreshInParts } from './freshness.ts'
import { qualityValues } from './quality-values.ts'

/** Octets. Below, the header costs as much as is won. */
const WORTHWHILE = 1024

/** Once for each body, whoever asks at the same time. In zlib's own threads, so that nobody waits for it but who asked. */
const compressed = new WeakMap<Buffer, Promise<Buffer>>()

/**
 * `sendFreshInParts`, in gzip for clients that accept it and ask for the whole. For bodies that are kept: each is compressed once,
 * by its identity.
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
  // A part is of what would be sent without compression: what differs from request to request has no parts.
  if (body.length < WORTHWHILE || range !== undefined || !acceptsGzip(accepted)) {
    return sendFreshInParts(request, reply, contentType, body, freshness)
  }
  const smaller = compressed.get(body) ?? compress(body)
  compressed.set(body, smaller)
  reply.header('content-encoding', 'gzip')
  const etag = freshness.etag.replace(/"$/, '-gzip"')
  return sendFresh(request, reply, contentType, await smaller, { ...freshness, etag })
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
