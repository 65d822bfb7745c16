import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const

interface KnownRoute {
  readonly url: string
  readonly methods: readonly string[]
}

/** Handles what never comes to it: by this, a route is known that refuses before, and takes nothing. */
export async function refusedBefore(): Promise<void> {}

/**
 * Tells of a request that no route took what its address does take, of the routes that are added to this scope from now on: "GET, HEAD".
 * Or "", where it is none of them, or takes the method and did not like the rest. A route for every method does not count: it is there
 * for what they leave over.
 */
export function otherMethods(app: FastifyInstance): (request: FastifyRequest) => string {
  const routes: KnownRoute[] = []
  app.addHook('onRoute', ({ url, method, handler }) => {
    const methods = [method].flat()
    if (methods.length < METHODS.length && handler !== refusedBefore) routes.push({ url, methods })
  })
  let patterns: [RegExp, readonly string[]][] | undefined
  return ({ method, url }) => {
    // Most services are never asked so.
    patterns ??= routes.map((route) => [patternOf(route.url), route.methods])
    const [path = ''] = url.split('?', 1)
    const taken = new Set(patterns.flatMap(([pattern, methods]) => (pattern.test(path) ? methods : [])))
    return taken.has(method) ? '' : METHODS.filter((one) => taken.has(one)).join(', ')
  }
}

/**
 * Answers with 405 and `Allow` (RFC 9110 15.5.6) what comes to an address below `folder` by a method that it does not take: before
 * its body is looked at, and whoever asks, since the methods are no secret. To be called before the routes of this scope are added.
 * `error` gets the methods that the address takes. What is at no address gets `missing`, or the application's 404 where there is none.
 */
export function refuseOtherMethods(
  app: FastifyInstance,
  folder: string,
  error: (allowed: string) => Error,
  missing?: (request: FastifyRequest) => Error,
): void {
  const allowedAt = otherMethods(app)
  const refuse = async (request: FastifyRequest, reply: FastifyReply) => {
    const allowed = allowedAt(request)
    if (allowed === '') {
      if (missing) throw missing(request)
      return reply.callNotFound()
    }
    reply.header('allow', allowed)
    throw error(allowed)
  }
  // The router comes to it where nothing else fits address and method: one route, in place of some for each address.
  app.route({ method: [...METHODS], url: `${folder}/*`, onRequest: refuse, handler: refuse })
}

/** Of addresses, as they are registered: a parameter is anything without a slash, whatever else the router asks of it. */
function patternOf(url: string): RegExp {
  const literal = (text: string) => text.replaceAll('::', ':').replace(/[.+?^${}()|[\]\\]/g, '\\$&')
  const parts = url.replaceAll(/(?<!:):[A-Za-z]+(?:\(.*?\)(?=[/.]|$))?/g, '*').split('*')
  return new RegExp(`^${parts.map(literal).join('[^/]+')}$`)
}
