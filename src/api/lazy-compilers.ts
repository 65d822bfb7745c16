import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify'

type Validator = ReturnType<FastifySchemaCompiler<unknown>>
type Serializer = ReturnType<FastifySerializerCompiler<unknown>>

/**
 * Compiles a schema when the first request needs it. Most routes are never asked for, and all of them together were a third
 * of the work of a start. What Fastify reads from a validator that refused is beside it, in `errors`.
 */
export function validatorAtFirstUse(compile: FastifySchemaCompiler<unknown>): FastifySchemaCompiler<unknown> {
  return (route) => {
    let compiled: Validator | undefined
    const validate: Validator = (data) => {
      compiled ??= compile(route)
      const verdict = compiled(data)
      validate.errors = compiled.errors ?? null
      return verdict
    }
    return validate
  }
}

/** The same for answers. */
export function serializerAtFirstUse(
  compile: FastifySerializerCompiler<unknown>,
): FastifySerializerCompiler<unknown> {
  return (route) => {
    let compiled: Serializer | undefined
    return (data) => {
      compiled ??= compile(route)
      return compiled(data)
    }
  }
}
