import type { FastifyInstance } from 'fastify'
import { LARGEST_JWS } from '../../acme/jws/parse.ts'
import { AcmeError } from '../../acme/problem.ts'
import type { Service } from '../../service.ts'
import { refuseRepeatedHeaders } from '../caller.ts'
import { accountRoutes } from './account.ts'
import { authorizationRoutes } from './authorization.ts'
import { certificateRoutes } from './certificate.ts'
import { directoryRoutes } from './directory.ts'
import { orderRoutes } from './order.ts'
import { sendAcmeProblem } from './problems.ts'
import { type AcmeRouting, addLink } from './routing.ts'
import { SignedRequests } from './signed-request.ts'
import { urlsOf } from './urls.ts'

/** ACME (RFC 8555) under /acme, for the TLS listener. */
export async function acmeRoutes(app: FastifyInstance, { service }: { service: Service }): Promise<void> {
  const { acme } = service
  if (!service.config.acme.enabled) return
  const urls = urlsOf(service, app.prefix)
  const routing: AcmeRouting = { service, acme, urlsOf: urls, signed: new SignedRequests(acme, urls) }

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/jose+json',
    { parseAs: 'buffer', bodyLimit: LARGEST_JWS },
    (_request, body, done) => done(null, body),
  )
  app.setErrorHandler((error, request, reply) => sendAcmeProblem(error, request, reply))
  refuseRepeatedHeaders(app)

  app.addHook('onSend', async (request, reply) => {
    const isDirectory = request.routeOptions.url?.endsWith('/acme/directory')
    if (!isDirectory && !reply.hasHeader('www-authenticate')) addIndex(request)
    // RFC 8555 6.5: every answer to a POST, errors too.
    if (request.method === 'POST' || request.routeOptions.url?.endsWith('/acme/new-nonce')) {
      reply.header('replay-nonce', acme.nonces.issue())
    }
    if (request.method === 'POST') reply.header('cache-control', 'no-store')

    function addIndex(of: typeof request) {
      try {
        addLink(reply, urls(of).directory, 'index')
      } catch {
        // A Host that is not ours has been refused, and there is no address to tell.
      }
    }
  })
  refuseOtherMethods(app)

  directoryRoutes(app, routing)
  accountRoutes(app, routing)
  orderRoutes(app, routing)
  authorizationRoutes(app, routing)
  certificateRoutes(app, routing)
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

/** RFC 8555 6.3: 405 and "malformed", above all for a GET of what must be asked for by POST-as-GET. */
function refuseOtherMethods(app: FastifyInstance): void {
  const known = new Map<string, Set<string>>()
  app.addHook('onRoute', ({ url, method, handler }) => {
    if (handler === refuse) return
    const methods = known.get(url) ?? new Set()
    for (const one of [method].flat()) methods.add(one)
    known.set(url, methods)
  })
  app.addHook('onReady', async () => {})
  const refuse = async () => {
    throw new AcmeError('malformed', 'This address takes another method: ACME reads by POST-as-GET.', {
      status: 405,
    })
  }
  app.after(() => {
    for (const [url, methods] of known) {
      const others = METHODS.filter((method) => !methods.has(method))
      app.route({ method: [...others], url: url.slice(app.prefix.length), handler: refuse })
    }
  })
}
