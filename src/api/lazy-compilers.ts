import { createRequire } from 'node:module'
import type { FastifyInstance, FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'
import { compiledBefore } from './compiled-schemas.ts'

type Validators = typeof import('@fastify/ajv-compiler')
type Serializers = typeof import('@fastify/fast-json-stringify-compiler')
type BuildValidator = ReturnType<Validators['default']>
type BuildSerializer = ReturnType<Serializers['default']>
type Validate = ReturnType<FastifySchemaCompiler<unknown>>
type Serialize = ReturnType<FastifySerializerCompiler<unknown>>

/** Fastify's own compilers: more than a hundred files, which would be loaded with it. */
export function loadCompilers() {
  const require = createRequire(import.meta.url)
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
    return validatorAtFirstUse((route) => compiler()(route) as Validate)
  }) as BuildValidator,
  buildSerializer: ((schemas, options) => {
    const compiler = once(() => loadCompilers().serializers()(schemas, options))
    // Fastify always gives the status with a response's schema; its own type calls it optional.
    return serializerAtFirstUse((route) => compiler()(route as never))
  }) as BuildSerializer,
}

/** Fastify's defaults would drop a key that is misspelt and turn "false" into true: here both are refused. */
export const OWN_RULES = {
  ...{ coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false },
  // The first request would wait for Ajv to compile the schema of schemas. A test looks at ours instead.
  ...{ meta: false, validateSchema: false },
}

/** Requests in this scope are checked by `OWN_RULES`, whatever the surrounding application has for its own. */
export function useOwnValidator(app: FastifyInstance): void {
  const compile = compilersAtFirstUse.buildValidator({}, { customOptions: OWN_RULES })
  app.setValidatorCompiler(
    validatorAtFirstUse(
      (route) => compiledBefore<Validate>('validator', route.schema) ?? (compile(route) as Validate),
    ),
  )
}

/** Answers of this scope are written by our own schemas, whatever the surrounding application has for its own. */
export function useOwnSerializer(app: FastifyInstance): void {
  const compile = compilersAtFirstUse.buildSerializer({}, {})
  app.setSerializerCompiler(
    serializerAtFirstUse(
      (route) => compiledBefore<Serialize>('serializer', route.schema) ?? compile(route as never),
    ),
  )
}

function validatorAtFirstUse(
  compile: (...of: Parameters<FastifySchemaCompiler<unknown>>) => Validate,
): FastifySchemaCompiler<unknown> {
  return (route) => {
    const compiled = once(() => compile(route))
    // What Fastify reads from a validator that refused is beside it, in `errors`.
    const validate: Validate = (data) => {
      const verdict = compiled()(data)
      validate.errors = compiled().errors ?? null
      return verdict
    }
    return validate
  }
}

function serializerAtFirstUse(
  compile: (...of: Parameters<FastifySerializerCompiler<unknown>>) => Serialize,
): FastifySerializerCompiler<unknown> {
  return (route) => {
    const compiled = once(() => compile(route))
    return (data) => compiled()(data)
  }
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => {
    made ??= { value: make() }
    return made.value
  }
}
