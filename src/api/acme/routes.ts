import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { LARGEST_JWS } from '../../acme/jws/parse.ts'
import { AcmeError } from '../../acme/problem.ts'
import type { Service } from '../../service.ts'
import { refuseRepeatedHeaders } from '../caller.ts'
import { sendProperCase } from '../header-case.ts'
import { mountPoint } from '../mount-point.ts'
import { refuseOtherMethods } from '../other-methods.ts'
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
  const urls = urlsOf(service, mountPoint(app))
  const routing: AcmeRouting = { service, acme, urlsOf: urls, signed: new SignedRequests(acme, urls) }

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/jose+json',
    { parseAs: 'buffer', bodyLimit: LARGEST_JWS },
    (_request, body, done) => done(null, body),
  )
  app.setErrorHandler((error, request, reply) => sendAcmeProblem(error, request, reply))
  refuseRepeatedHeaders(app)
  sendProperCase(app)

  app.addHook('onSend', async (request, reply) => {
    const { url } = request.routeOptions
    if (!url?.endsWith('/acme/directory')) addIndex(reply, urls, request)
    // RFC 8555 6.5: every answer to a POST, and errors too, since clients go on with what they bring.
    const isFresh = request.method === 'POST' || reply.statusCode >= 400
    if (isFresh || url?.endsWith('/acme/new-nonce')) reply.header('replay-nonce', acme.nonces.issue())
    // RFC 8555 6.5.1: a nonce must not come out of a cache.
    if (isFresh) reply.header('cache-control', 'no-store')
    // Without Fastify's charset, which JSON does not have (RFC 8259 11): clients in ejabberd and PHP compare it whole.
    if (String(reply.getHeader('content-type')).startsWith('application/json')) {
      reply.header('content-type', 'application/json')
    }
  })
  // RFC 8555 6.3: 405 and "malformed", above all for a GET of what must be asked for by POST-as-GET. And 6.7: what is at no address
  // is told in ACME's words, too, also where the plugin stands in an application with a 404 of its own.
  refuseOtherMethods(
    app,
    '/acme',
    (allowed) =>
      new AcmeError('malformed', `This address takes ${allowed} alone: ACME reads by POST-as-GET.`, {
        status: 405,
      }),
    ({ method, url }) =>
      new AcmeError(
        'malformed',
        `Nothing is at ${method} ${url.split('?')[0]}: the directory has the addresses.`,
        {
          status: 404,
        },
      ),
  )

  directoryRoutes(app, routing)
  accountRoutes(app, routing)
  orderRoutes(app, routing)
  authorizationRoutes(app, routing)
  certificateRoutes(app, routing)
}

function addIndex(reply: FastifyReply, urls: AcmeRouting['urlsOf'], request: FastifyRequest): void {
  try {
    addLink(reply, urls(request).directory, 'index')
  } catch {
    // A Host that is not ours has been refused, and there is no address to tell.
  }
}
