import type { FastifyInstance } from 'fastify'
import { CaError } from '../../errors.ts'
import { beforeRequest } from '../immediate-hooks.ts'
import { compilersAtFirstUse, useOwnSerializer } from '../lazy-compilers.ts'

/**
 * Reads bodies and checks schemas in this scope by rules of its own, whatever the surrounding application has. Fastify's
 * defaults would drop a key that is misspelt and turn "false" into true: here both are refused.
 */
export function useOwnParsing(app: FastifyInstance): void {
  const customOptions = {
    ...{ coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false },
    // The first request would wait for Ajv to compile the schema of schemas. A test looks at ours instead.
    ...{ meta: false, validateSchema: false },
  }
  app.setValidatorCompiler(compilersAtFirstUse.buildValidator({}, { customOptions }))
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
