import type { FastifyInstance, FastifyRequest, RawRequestDefaultExpression } from 'fastify'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import { beforeRequest } from '../immediate-hooks.ts'
import { useOwnSerializer, useOwnValidator } from '../lazy-compilers.ts'

/** Reads bodies and checks schemas in this scope by rules of its own, whatever the surrounding application has. */
export function useOwnParsing(app: FastifyInstance): void {
  useOwnValidator(app)
  useOwnSerializer(app)
  readJsonAlone(app)
  app.addHook(
    'onRequest',
    beforeRequest(({ raw }) => {
      const { headers } = raw
      // curl -d '' and Python's urllib name a type for a body that is not there; PHP's generated clients, and many a fetch, do with DELETE.
      if (!hasBody(raw)) delete headers['content-type']
      // Node takes away "chunked" alone, which must be the last (RFC 9112 6.1).
      const coding = headers['transfer-encoding'] ?? 'chunked'
      if (coding.toLowerCase() !== 'chunked') {
        throw new CaError('notSupported', 'Send the body with no Transfer-Encoding other than chunked.')
      }
      const encoding = headers['content-encoding']
      if (encoding !== undefined && encoding !== 'identity') {
        throw new CaError('unsupportedMediaType', 'Send the body as it is, without Content-Encoding.')
      }
    }),
  )
}

/** By HTTP/1 there is none without either header (RFC 9112 6.3); HTTP/2, which a host application may speak, needs neither. */
function hasBody({ headers, httpVersion }: RawRequestDefaultExpression): boolean {
  const length = headers['content-length']
  if (length !== undefined) return length !== '0'
  return headers['transfer-encoding'] !== undefined || !httpVersion.startsWith('1.')
}

/** Bodies of this scope are JSON, read here, whatever parsers the surrounding application has. */
export function readJsonAlone(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    // Keys that would reach an object's prototype are an error, not dropped.
    app.getDefaultJsonParser('error', 'error'),
  )
}

/** `preValidation` of a route whose body may be left out: that says the same as an empty object. */
export async function mayBeEmpty(request: FastifyRequest): Promise<void> {
  request.body ??= {}
}

const NO_QUERY = Type.Object({}, { additionalProperties: false })

/**
 * Refuses a query where a route of this scope says nothing of one. Dropped without a word, a reason that stands there makes a hold a
 * revocation for good. To be called before the routes are added.
 */
export function refuseUnknownQueries(app: FastifyInstance): void {
  app.addHook('onRoute', (route) => {
    route.schema = { querystring: NO_QUERY, ...route.schema }
  })
}
