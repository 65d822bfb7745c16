import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { findPackageJSON, isBuiltin, registerHooks } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc, { type Arbitrary } from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { compileSchemas } from '../../scripts/compile-schemas.ts'
import { compiledBefore, compiledIn } from '../../src/api/compiled-schemas.ts'
import { loadCompilers, OWN_RULES } from '../../src/api/lazy-compilers.ts'

/** What a package asked for that its package.json does not name. Yarn's Plug'n'Play, and pnpm without hoisting, find nothing else. */
const undeclared = new Set<string>()
const watch = registerHooks({
  resolve(specifier, context, next) {
    const file = context.parentURL?.includes('/node_modules/') && findPackageJSON('.', context.parentURL)
    const wanted = /^(?:@[^/]+\/)?(?!node:)[^./][^/]*/.exec(specifier)?.[0]
    if (file && wanted) {
      const { name, dependencies } = JSON.parse(readFileSync(file, 'utf8'))
      const isCompiler = /ajv|json-stringify/.test(name)
      if (isCompiler && wanted !== name && !isBuiltin(wanted) && !(wanted in (dependencies ?? {})))
        undeclared.add(`${name}: ${wanted}`)
    }
    return next(specifier, context)
  },
})
afterAll(() => watch.deregister())

/** What a release brings in dist/schemas, beside what the libraries make of the same schema when they are asked. */
const compiled = await compileSchemas()
const folder = mkdtempSync(join(tmpdir(), 'chancery-compiled-'))
afterAll(() => rmSync(folder, { recursive: true }))

function load<F>(kind: 'validator' | 'serializer', name: string): F {
  const file = join(folder, name)
  writeFileSync(file, compiled.get(name)!.code)
  return compiledIn<F>(kind, file)
}

type Schema = Readonly<Record<string, unknown>>
type Validate = ((data: unknown) => boolean) & { errors?: unknown }

/** Mostly what the schema asks for, as far as its types say. */
function valuesOf(schema: Schema): Arbitrary<unknown> {
  if ('const' in schema) return fc.constant(schema.const)
  const choices = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (choices) return fc.oneof(...choices.map(valuesOf))
  switch (schema.type) {
    case 'object':
      return objectsOf(schema)
    case 'array':
      return fc.array(valuesOf(schema.items as Schema), { maxLength: 3 })
    case 'string':
      return fc.oneof(
        fc.string(),
        fc.constantFrom('2026-11-28T05:49:40Z', '1h', '40ab', 'web.example.test', 'é"\\\n'),
      )
    case 'integer':
      return fc.integer({ min: -1, max: 100 })
    case 'number':
      return fc.double({ noNaN: true, noDefaultInfinity: true })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    default:
      return fc.jsonValue()
  }
}

function objectsOf({ properties = {}, required = [], patternProperties = {} }: Schema): Arbitrary<object> {
  const own = Object.entries(properties as Record<string, Schema>).map(
    ([key, value]) => [key, valuesOf(value)] as const,
  )
  const [more] = Object.values(patternProperties as Record<string, Schema>)
  const known = fc.record(Object.fromEntries(own), { requiredKeys: required as string[] })
  return more
    ? fc
        .tuple(known, fc.dictionary(fc.string(), valuesOf(more), { maxKeys: 3 }))
        .map(([a, b]) => ({ ...b, ...a }))
    : known
}

describe('a validator that was compiled beforehand', () => {
  const verdicts = new Set<boolean>()
  const build = loadCompilers().validators()({}, { customOptions: OWN_RULES })
  for (const [name, { kind, schema, where }] of compiled) {
    if (kind !== 'validator') continue
    test(`of ${where} says what Ajv says`, () => {
      const ours = load<Validate>('validator', name)
      const theirs = build({ schema } as never) as Validate
      const right = valuesOf(schema as Schema)
      const any = fc.oneof({ arbitrary: right, weight: 4 }, fc.jsonValue(), misspelt(right))
      fc.assert(
        fc.property(any, (data) => {
          verdicts.add(ours(data))
          expect([ours(data), ours.errors ?? null]).toEqual([theirs(data), theirs.errors ?? null])
        }),
      )
    })
  }
  test('takes some of this, and refuses some', () => expect(verdicts.size).toBe(2))
})

/** With one member more, or one less. */
function misspelt(right: Arbitrary<unknown>): Arbitrary<unknown> {
  return fc.tuple(right, fc.nat()).map(([value, at]) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return [value]
    const keys = Object.keys(value)
    const { [keys[at % Math.max(1, keys.length)] ?? '']: _, ...rest } = value as Record<string, unknown>
    return at % 2 ? rest : { ...value, tll: 1 }
  })
}

describe('a serializer that was compiled beforehand', () => {
  const build = loadCompilers().serializers()({}, {})
  for (const [name, { kind, schema, where }] of compiled) {
    if (kind !== 'serializer') continue
    test(`of ${where} writes what fast-json-stringify writes`, () => {
      const ours = load<(data: unknown) => string>('serializer', name)
      const theirs = build({ schema } as never) as typeof ours
      const outcome = (serialize: typeof ours, data: unknown) => {
        try {
          return serialize(data)
        } catch (error) {
          return String(error)
        }
      }
      fc.assert(
        fc.property(valuesOf(schema as Schema), (data) => {
          expect(outcome(ours, data)).toBe(outcome(theirs, data))
        }),
      )
    })
  }
})

test('what they call is found through packages that name it as a dependency', () => {
  const kinds = [...compiled].map(([name, { kind }]) => typeof load(kind, name))
  expect(new Set(kinds)).toEqual(new Set(['function']))
  expect([...undeclared]).toEqual([])
})

test('from the sources nothing is taken from a bundle, which may be older', () => {
  const [{ kind, schema }] = compiled.values() as unknown as [{ kind: 'validator'; schema: object }]
  expect(compiledBefore(kind, schema)).toBeNull()
})
