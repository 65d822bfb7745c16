import type { FastifyRequest } from 'fastify'

/**
 * Host and port that a request was made to, as it says so itself. HTTP/2, which an application that embeds the plugin may speak, has
 * them in a field of its own, and that one counts (RFC 9113 8.3.1).
 */
export function hostOf({ headers }: FastifyRequest): string | undefined {
  const authority = headers[':authority']
  return typeof authority === 'string' ? authority : headers.host
}
