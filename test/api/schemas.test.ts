import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Fastify, { type RouteOptions } from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { schemasOf } from '../../scripts/route-schemas.ts'
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

test('every schema of a route is one by the schema of schemas, and compiles', () => {
  const { validators, serializers } = loadCompilers()
  const validator = validators()({}, { customOptions: { validateSchema: true } })
  const serializer = serializers()({}, {})
  const schemas = schemasOf(routes)
  for (const { kind, schema, where } of schemas) {
    const made = () =>
      kind === 'validator' ? validator({ schema } as never) : serializer({ schema } as never)
    expect(made, where).not.toThrow()
  }
  expect(schemas.length).toBeGreaterThan(100)
})
