import type { Server as TlsServer } from 'node:tls'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyServerOptions,
  LogController,
} from 'fastify'
import { acmeRoutes } from './api/acme/routes.ts'
import { answerOnConnections } from './api/at-once/connections.ts'
import { PreparedAnswers } from './api/at-once/prepared-answers.ts'
import { answerBeforeAll } from './api/at-once/requests.ts'
import { answerClientError } from './api/client-error.ts'
import { closeAfterAnswer, readOnBehindRefusal } from './api/closing.ts'
import { BODY_LIMIT, CONNECTION_LIMITS, TIMING } from './api/connection-limits.ts'
import { consoleRoutes } from './api/console/routes.ts'
import { answerBadEstUrl } from './api/est/problems.ts'
import { estRoutes } from './api/est/routes.ts'
import { answerHalfClosed } from './api/half-closed.ts'
import { healthRoutes } from './api/health.ts'
import { compilersAtFirstUse } from './api/lazy-compilers.ts'
import { countRefused, countRequests, countUnrouted } from './api/metrics/http-figures.ts'
import { metricsRoute } from './api/metrics/routes.ts'
import { answerBadOcspUrl } from './api/ocsp.ts'
import { refuseSecondHost } from './api/one-host.ts'
import { openapiRoute } from './api/openapi.ts'
import { Admission } from './api/overload/admission.ts'
import type { ConnectionLimit } from './api/overload/connections.ts'
import { paceRequests } from './api/overload/paced-requests.ts'
import { installProblems, sendProblem } from './api/problems.ts'
import { publicRoutes } from './api/public-routes.ts'
import { logRequests, logUnrouted } from './api/request-log.ts'
import { restRoutes } from './api/rest/routes.ts'
import { ALPN_PROTOCOLS } from './api/sds/alpn.ts'
import { serveGrpc } from './api/sds/connections.ts'
import { sdsRoutes } from './api/sds/rest.ts'
import { traceRequests } from './api/trace-requests.ts'
import { refuseUnknownMethods } from './api/unknown-methods.ts'
import type { Service } from './service.ts'

/**
 * The plain listener. `trustProxy`: the address of a client is the one that X-Forwarded-For gives; for when only our own
 * workers connect.
 */
export function buildHttpApp(
  service: Service,
  log: FastifyBaseLogger,
  { trustProxy = false }: { trustProxy?: boolean } = {},
): FastifyInstance {
  const options = { ...serverOptions(service, log), trustProxy, http: TIMING }
  const app: FastifyInstance = Fastify(options as FastifyServerOptions)
  const { ocsp: answers, clock, config } = service
  const isOpen = () => app.server.listening
  const prepared = new PreparedAnswers(clock, () => app.server.keepAliveTimeout)
  const rests: ConnectionLimit['rests'] = (socket) => limit.rests(socket)
  const atOnce = { answers, prepared, log, newRequestId, isOpen, rests }
  // Our own workers have answered what can be answered so, and do not say whom to log.
  if (!trustProxy) {
    const end = answerOnConnections(app.server, atOnce)
    app.addHook('preClose', async () => end())
  }
  prepare(app, service)
  const limit = guard(app, service, log, config.limits.httpConnections)
  app.register(publicRoutes, { service })
  if (config.metrics.public) app.register(metricsRoute, { service, to: 'anybody' })
  app.register(openapiRoute)
  answerBeforeAll(app.server, atOnce)
  refuseSecondHost(app.server)
  paceRequests(app.server)
  answerHalfClosed(app.server)
  return app
}

/** The TLS listener: enrolment and administration, and all that the plain one has. Its certificate is for whoever has it listen. */
export function buildTlsApp(service: Service, log: FastifyBaseLogger): FastifyInstance {
  const https = {
    ...TIMING,
    // A client certificate is welcome and never demanded. Whether it is one of ours is decided by `auth/`,
    // against the inventory, so OpenSSL's verdict on the chain is not asked for.
    requestCert: true,
    rejectUnauthorized: false,
    // Milliseconds. A handshake that hangs holds its socket, and at the end the whole service, for no longer.
    handshakeTimeout: 10_000,
    ALPNProtocols: ALPN_PROTOCOLS,
  }
  const app: FastifyInstance = Fastify({ ...serverOptions(service, log), https } as FastifyServerOptions)
  // Before anybody else listens: so h2 connections are kept from HTTP/1.1, and from nobody else.
  const endStreams = serveGrpc(app.server as unknown as TlsServer, service, log)
  app.addHook('preClose', endStreams)
  prepare(app, service)
  guard(app, service, log, service.config.limits.tlsConnections)
  app.register(restRoutes, { service })
  app.register(acmeRoutes, { service })
  app.register(estRoutes, { service })
  app.register(sdsRoutes, { service })
  app.register(publicRoutes, { service })
  app.register(metricsRoute, { service, to: 'admins' })
  app.register(openapiRoute)
  app.register(consoleRoutes)
  refuseSecondHost(app.server)
  paceRequests(app.server)
  return app
}

/** What keeps a listener able to answer when more comes than it can do. */
function guard(
  app: FastifyInstance,
  service: Service,
  log: FastifyBaseLogger,
  connections: number,
): ConnectionLimit {
  const { requests: waiting, wait: patience } = service.config.limits
  const { clock } = service
  const refused = () => countRefused(service)
  const nonce = () => service.acme.nonces.issue()
  const limits = { waiting, patience }
  return new Admission({ limits, clock, log, refused, nonce }).guard(app, { connections })
}

/** The listener for those who watch the service: who reaches it may read. */
export function buildMetricsApp(service: Service, log: FastifyBaseLogger): FastifyInstance {
  const app: FastifyInstance = Fastify({
    ...serverOptions(service, log),
    http: TIMING,
  } as FastifyServerOptions)
  prepare(app, service)
  app.register(healthRoutes, { service })
  app.register(metricsRoute, { service, to: 'anybody' })
  refuseSecondHost(app.server)
  return app
}

/** For our own applications; one that embeds the plugin keeps its own ways of logging and of 404. */
function prepare(app: FastifyInstance, service: Service): void {
  refuseUnknownMethods(app.server)
  installProblems(app)
  readOnBehindRefusal(app)
  closeAfterAnswer(app)
  traceRequests(app, service)
  logRequests(app)
  countRequests(app, service)
}

const start = process.hrtime.bigint().toString(36)
let requests = 0

function newRequestId(): string {
  return `${start}-${(++requests).toString(36)}`
}

function serverOptions(service: Service, log: FastifyBaseLogger): FastifyServerOptions {
  return {
    loggerInstance: log,
    schemaController: { compilersFactory: compilersAtFirstUse },
    logController: new LogController({ disableRequestLogging: true }),
    // Never taken from the client: a request id stands in logs and in the audit.
    requestIdHeader: false,
    genReqId: newRequestId,
    ...CONNECTION_LIMITS,
    bodyLimit: BODY_LIMIT,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, request, reply) => {
      logUnrouted(request, reply)
      countUnrouted(request, reply, service)
      if (!answerBadOcspUrl(request, reply) && !answerBadEstUrl(error, request, reply))
        sendProblem(error, request, reply)
    },
  } as FastifyServerOptions
}
