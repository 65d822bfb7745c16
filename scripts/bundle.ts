import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'
import { COMPILED_SCHEMAS } from '../src/api/compiled-schemas.ts'
import { compileSchemas } from './compile-schemas.ts'

/**
 * Makes dist/ of the sources: some files instead of hundreds, in JavaScript, since finding, reading and stripping hundreds of
 * modules is most of the time of a start. Dependencies stay outside, where npm keeps them up to date. And compiles the schemas of
 * all routes.
 */
const top = fileURLToPath(new URL('../', import.meta.url))
const dist = join(top, 'dist')

/** By their place in dist/, without extension: the command line, the library, and each thread. */
const ENTRIES = [
  'cli',
  'index',
  'crl/build-thread',
  'store/search-thread',
  'store/writer-thread',
  'workers/thread',
]

// What is edited while this runs is newer than the bundle, which bin/chancery.js then passes over.
const start = new Date()
const bundle = await rolldown({
  input: Object.fromEntries(ENTRIES.map((entry) => [entry, join(top, 'src', `${entry}.ts`)])),
  platform: 'node',
  external: /^[^./]/,
})
const { output } = await bundle.generate({
  format: 'esm',
  entryFileNames: '[name].js',
  chunkFileNames: '[name]-[hash].js',
})
await bundle.close()
for (const part of output) {
  if (part.type !== 'chunk') throw new Error(`${part.fileName}: only code is expected`)
  if (part.fileName.includes('/') && part.code.includes('import.meta.url')) {
    throw new Error(
      `${part.fileName}: paths from import.meta.url hold in dist/ itself alone. Ask src/package-files.ts.`,
    )
  }
  await put(join(dist, part.fileName), part.code)
}
const schemas = await compileSchemas()
for (const [name, { code }] of schemas) await put(join(top, COMPILED_SCHEMAS, name), code)
// All but the declarations, which the package alone needs.
const wanted = new Set([
  ...output.map(({ fileName }) => join(dist, fileName)),
  ...[...schemas.keys()].map((name) => join(top, COMPILED_SCHEMAS, name)),
])
for (const entry of await readdir(dist, { recursive: true, withFileTypes: true })) {
  const path = join(entry.parentPath, entry.name)
  if (entry.isFile() && /\.c?js$/.test(path) && !wanted.has(path)) await rm(path)
}

/** In one step: a service may be running from the file that was there. */
async function put(file: string, code: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.new`, code)
  await utimes(`${file}.new`, start, start)
  await rename(`${file}.new`, file)
}
