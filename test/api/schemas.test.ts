import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type FastifySchema, type RouteOptions } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { loadCompilers } from '../../src/api/lazy-compilers.ts'
import { chancery } from '../../src/index.ts'

/** A service compiles a schema when a request needs it, and trusts that it is one: this is where that is seen. */
const directory = mkdtempSync(join(tmpdir(), 'chancery-schemas-'))
const app = Fastify()
const routes: RouteOptions[] = []

beforeEach(async () => {
  app.addHook('onRoute', (route) => void routes.push(route))
  await app.register(chancery, { directory, publicUrl: 'http://ca.example.test' })
  await app.ready()
})

afterEach(async () => {
  await app.close()
  rmSync(directory, { recursive: true })
})

/** A schema stands alone, or in one place for each media type. */
function alternatives(schema: unknown): object[] {
  const { content } = schema as { content?: Record<string, { schema: object }> }
  return content ? Object.values(content).map((one) => one.schema) : [schema as object]
}

test('every schema of a route is one by the schema of schemas, and compiles', () => {
  const { validators, serializers } = loadCompilers()
  const validator = validators()({}, { customOptions: { validateSchema: true } })
  const serializer = serializers()({}, {})
  let compiled = 0
  for (const { method, url, schema = {} } of routes) {
    const {
      body,
      querystring,
      params,
      headers,
      response = {},
    } = schema as FastifySchema & {
      response?: Record<string, unknown>
    }
    const where = `${method} ${url}`
    for (const one of [body, querystring, params, headers].filter(Boolean).flatMap(alternatives)) {
      const made = () => validator({ schema: one, method, url } as never)
      expect(made, where).not.toThrow()
      compiled++
    }
    for (const [httpStatus, given] of Object.entries(response)) {
      for (const one of alternatives(given)) {
        const made = () => serializer({ schema: one, method: String(method), url, httpStatus })
        expect(made, where).not.toThrow()
        compiled++
      }
    }
  }
  expect(compiled).toBeGreaterThan(100)
})
