import type { FastifyRequest } from 'fastify'

/** A request target in absolute form, as a client writes it to a proxy: its host and port, and the rest. */
const ABSOLUTE = /^https?:\/\/([^/?#]*)(.*)$/

/**
 * Host and port that a request was made to, as it says so itself. HTTP/2, which an application that embeds the plugin may speak, has
 * them in a field of its own, and that one counts (RFC 9113 8.3.1); in HTTP/1.1 they count where they stand in the target (RFC 9112 3.2.2).
 */
export function hostOf({ headers, raw }: FastifyRequest): string | undefined {
  const authority = headers[':authority']
  return typeof authority === 'string' ? authority : (ABSOLUTE.exec(raw.url ?? '')?.[1] ?? headers.host)
}

/** Path and query that a request was made to, as they were written, whichever form its target has. */
export function targetOf({ raw: { url = '' } }: FastifyRequest): string {
  return ABSOLUTE.exec(url)?.[2] ?? url
}
