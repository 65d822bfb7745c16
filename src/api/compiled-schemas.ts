import { hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { packageFile } from '../package-files.ts'

/**
 * Functions that Ajv and fast-json-stringify made of our schemas when the package was built (scripts/compile-schemas.ts), so
 * that the first request waits neither for these compilers to be loaded nor for them to compile.
 */
export type CompiledKind = 'validator' | 'serializer'

/** By path from the package's top. */
export const COMPILED_SCHEMAS = 'dist/schemas'

/**
 * By which packages each kind finds what it calls, and the library whose version counts. The last of them names all of that as its
 * dependencies: Yarn's Plug'n'Play, and pnpm without hoisting, find nothing else from there.
 */
const COMPILERS = {
  validator: { by: ['@fastify/ajv-compiler'], library: 'ajv' },
  serializer: {
    by: ['@fastify/fast-json-stringify-compiler', 'fast-json-stringify'],
    library: 'fast-json-stringify',
  },
} as const

/** Finds what such a function calls. */
function requireOf(kind: CompiledKind): NodeJS.Require {
  const own = createRequire(import.meta.url)
  return COMPILERS[kind].by.reduce((found, name) => createRequire(found.resolve(name)), own)
}

/** A function calls what its library does not promise to keep, so it is for that very version. */
export function compiledName(kind: CompiledKind, schema: unknown): string {
  const { version } = requireOf(kind)(`${COMPILERS[kind].library}/package.json`) as { version: string }
  return `${kind}-${hash('sha256', `${version} ${JSON.stringify(schema)}`).slice(0, 32)}.cjs`
}

/** Null where this is not the bundle, and for a schema that was not known when it was made. */
export function compiledBefore<F>(kind: CompiledKind, schema: unknown): F | null {
  if (extname(import.meta.url) !== '.js') return null
  const file = fileURLToPath(packageFile(`${COMPILED_SCHEMAS}/${compiledName(kind, schema)}`))
  return existsSync(file) ? compiledIn<F>(kind, file) : null
}

/** By its path. */
export function compiledIn<F>(kind: CompiledKind, file: string): F {
  const make = createRequire(import.meta.url)(file) as (require: NodeJS.Require) => F
  return make(requireOf(kind))
}
