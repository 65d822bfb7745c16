import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

interface KnownRoute {
  readonly url: string
  readonly methods: readonly string[]
}

/**
 * Answers with 405 and `Allow` (RFC 9110 15.5.6) what comes to an address below `folder` by a method that it does not take: before
 * its body is looked at, and whoever asks, since the methods are no secret. What is at no address stays with the application's 404. To be
 * called before the routes of this scope are added. `error` gets the methods that the address takes.
 */
export function refuseOtherMethods(
  app: FastifyInstance,
  folder: string,
  error: (allowed: string) => Error,
): void {
  const routes: KnownRoute[] = []
  app.addHook('onRoute', ({ url, method }) => {
    if (!url.endsWith(`${folder}/*`)) routes.push({ url, methods: [method].flat() })
  })
  let patterns: [RegExp, readonly string[]][] | undefined
  const refuse = async (request: FastifyRequest, reply: FastifyReply) => {
    // Most services are never asked so.
    patterns ??= routes.map(({ url, methods }) => [patternOf(url), methods])
    const [path = ''] = request.url.split('?', 1)
    const taken = new Set(patterns.flatMap(([pattern, methods]) => (pattern.test(path) ? methods : [])))
    if (taken.size === 0) return reply.callNotFound()
    const allowed = METHODS.filter((method) => taken.has(method)).join(', ')
    reply.header('allow', allowed)
    throw error(allowed)
  }
  // The router comes to it where nothing else fits address and method: one route, in place of some for each address.
  app.route({ method: [...METHODS], url: `${folder}/*`, onRequest: refuse, handler: refuse })
}

/** Of addresses, as they are registered: a parameter is anything without a slash. */
function patternOf(url: string): RegExp {
  const literal = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${literal.replace(/\/:[^/]+/g, '/[^/]+')}$`)
}
