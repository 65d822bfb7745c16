import type { FastifySchema, RouteOptions } from 'fastify'
import type { CompiledKind } from '../src/api/compiled-schemas.ts'

export interface RouteSchema {
  readonly kind: CompiledKind
  readonly schema: object
  /** "POST /v1/tokens" */
  readonly where: string
}

/** What Fastify has compiled for these routes: what comes in is validated, what goes out is serialized. */
export function schemasOf(routes: readonly RouteOptions[]): RouteSchema[] {
  return routes.flatMap(({ method, url, schema = {} }) => {
    const { body, querystring, params, headers, response = {} } = schema as FastifySchema
    const where = `${method} ${url}`
    const of = (kind: CompiledKind, given: readonly unknown[]) =>
      given
        .filter(Boolean)
        .flatMap(alternatives)
        .map((one) => ({ kind, schema: one, where }))
    return [
      ...of('validator', [body, querystring, params, headers]),
      ...of('serializer', Object.values(response as object)),
    ]
  })
}

/** A schema stands alone, or in one place for each media type. */
function alternatives(schema: unknown): object[] {
  const { content } = schema as { content?: Record<string, { schema: object }> }
  return content ? Object.values(content).map((one) => one.schema) : [schema as object]
}
