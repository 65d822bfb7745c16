import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Service } from '../service.ts'
import { rootSpan, type Span, within } from '../tracing/spans.ts'
import { parseTraceparent } from '../tracing/traceparent.ts'
import { attached } from './attached.ts'

/**
 * A span for each request, named by its route: never by its address, which may hold names and serial numbers. To be called before
 * routes are added; nothing where nobody wants traces.
 */
export function traceRequests(app: FastifyInstance, { tracer }: Service): void {
  if (!tracer) return
  const spans = attached<FastifyRequest, Span>('span')
  app.addHook('onRequest', (request, _reply, done) => {
    const { method, headers, routeOptions } = request
    const name = routeOptions.url === undefined ? method : `${method} ${routeOptions.url}`
    const span = rootSpan(tracer, name, 'server', parseTraceparent(headers.traceparent, headers.tracestate))
    if (span) spans.set(request, span)
    within(tracer, span, done)
  })
  // Bodies are read, and requests wait for their turn, in the contexts of others.
  app.addHook('preHandler', (request, _reply, done) => within(tracer, spans.get(request) ?? null, done))
  app.addHook('onResponse', (request, reply, done) => {
    const { statusCode } = reply.raw
    spans.get(request)?.end(
      {
        'http.request.method': request.method,
        'http.route': request.routeOptions.url ?? '',
        'http.response.status_code': statusCode,
        'chancery.request_id': request.id,
      },
      statusCode >= 500,
    )
    done()
  })
}
