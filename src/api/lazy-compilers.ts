import { createRequire } from 'node:module'
import type { FastifyInstance, FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'

type Validators = typeof import('@fastify/ajv-compiler')
type Serializers = typeof import('@fastify/fast-json-stringify-compiler')
type BuildValidator = ReturnType<Validators['default']>
type BuildSerializer = ReturnType<Serializers['default']>

const require = createRequire(import.meta.url)

/** Fastify's own compilers: more than a hundred files, which would be loaded with it. */
export function loadCompilers() {
  const { default: validators }: Validators = require('@fastify/ajv-compiler')
  const { default: serializers }: Serializers = require('@fastify/fast-json-stringify-compiler')
  return { validators, serializers }
}

/**
 * They compile a schema when the first request needs it. Most routes are never asked for, and all of them together were a
 * third of the work of a start.
 */
export const compilersAtFirstUse = {
  buildValidator: ((schemas, options) => {
    const compiler = once(() => loadCompilers().validators()(schemas, options))
    return (route) => {
      const compiled = once(() => compiler()(route) as ReturnType<FastifySchemaCompiler<unknown>>)
      // What Fastify reads from a validator that refused is beside it, in `errors`.
      const validate: ReturnType<FastifySchemaCompiler<unknown>> = (data) => {
        const verdict = compiled()(data)
        validate.errors = compiled().errors ?? null
        return verdict
      }
      return validate
    }
  }) as BuildValidator,
  buildSerializer: ((schemas, options) => {
    const compiler = once(() => loadCompilers().serializers()(schemas, options))
    return (route) => {
      const compiled = once(() => compiler()(route))
      return (data) => compiled()(data)
    }
  }) as BuildSerializer,
}

/** Answers of this scope are written by our own schemas, whatever the surrounding application has for its own. */
export function useOwnSerializer(app: FastifyInstance): void {
  // Fastify always gives the status with a response's schema; its own type calls it optional.
  app.setSerializerCompiler(compilersAtFirstUse.buildSerializer({}, {}) as FastifySerializerCompiler<unknown>)
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
