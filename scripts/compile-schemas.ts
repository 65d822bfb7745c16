import { mkdtemp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type RouteOptions } from 'fastify'
import { type CompiledKind, compiledName } from '../src/api/compiled-schemas.ts'
import { OWN_RULES } from '../src/api/lazy-compilers.ts'
import { chancery, openChancery } from '../src/index.ts'
import { type RouteSchema, schemasOf } from './route-schemas.ts'

/** The code of a module whose `module.exports` is a validator or a serializer. */
const COMPILE: Readonly<Record<CompiledKind, (schema: object) => string>> = {
  validator: validatorCode,
  serializer: serializerCode,
}

export interface CompiledSchema extends RouteSchema {
  readonly code: string
}

/** A file for each schema of the service's routes, by name: what src/api/compiled-schemas.ts reads. */
export async function compileSchemas(): Promise<ReadonlyMap<string, CompiledSchema>> {
  const files = new Map<string, CompiledSchema>()
  for (const one of schemasOf(await allRoutes())) {
    const name = compiledName(one.kind, one.schema)
    if (!files.has(name)) files.set(name, { ...one, code: asModule(COMPILE[one.kind](one.schema)) })
  }
  return files
}

async function allRoutes(): Promise<RouteOptions[]> {
  const directory = await mkdtemp(join(tmpdir(), 'chancery-schemas-'))
  const routes: RouteOptions[] = []
  const app = Fastify()
  try {
    const service = await openChancery({ directory, publicUrl: 'http://localhost:8080' })
    try {
      app.addHook('onRoute', (route) => void routes.push(route))
      await app.register(chancery, { service })
      await app.ready()
    } finally {
      await app.close()
      await service.close()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
  return routes
}

/** Its `require` is given by whoever loads it, since the libraries that it calls are found from their own place. */
function asModule(code: string): string {
  return `module.exports = (require) => {\nconst module = { exports: {} }\n${code}\nreturn module.exports\n}\n`
}

function validatorCode(schema: object): string {
  // CommonJS that ships no types.
  const standalone = createRequire(import.meta.url)('@fastify/ajv-compiler/standalone')
  let code = ''
  const compile = standalone({ readMode: false, storeFunction: (_: unknown, made: string) => (code = made) })
  compile({}, { customOptions: { ...OWN_RULES, code: { source: true } } })({ schema })
  return code
}

function serializerCode(schema: object): string {
  const compiler = createRequire(import.meta.url).resolve('@fastify/fast-json-stringify-compiler')
  const build = createRequire(compiler)('fast-json-stringify')
  // By default it would load Ajv to choose among alternatives.
  return build(schema, { mode: 'standalone', inlineValidators: true })
}
