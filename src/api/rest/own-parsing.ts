import type { FastifyInstance } from 'fastify'
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
    beforeRequest(({ raw: { headers } }) => {
      // curl -d '' and Python's urllib name a type for a body that is not there.
      if (headers['content-length'] === '0') delete headers['content-type']
      const encoding = headers['content-encoding']
      if (encoding !== undefined && encoding !== 'identity') {
        throw new CaError('unsupportedMediaType', 'Send the body as it is, without Content-Encoding.')
      }
    }),
  )
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
