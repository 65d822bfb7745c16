import { mkdir, readdir, rename, rm, utimes, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type OutputChunk, rolldown } from 'rolldown'
import { COMPILED_SCHEMAS } from '../src/api/compiled-schemas.ts'
import { WHOLE_SCHEMA } from '../src/store/whole-schema.ts'
import { bundledFiles } from './bundled-files.ts'
import { compileSchemas } from './compile-schemas.ts'
import { wholeSchema } from './whole-schema.ts'

/**
 * Makes dist/ of the sources: some files instead of hundreds, in JavaScript, since finding, reading and stripping hundreds of
 * modules is most of the time of a start. Dependencies stay outside, where npm keeps them up to date. And compiles the schemas of
 * all routes, and makes one script of all migrations.
 */
const top = fileURLToPath(new URL('../', import.meta.url))
const dist = join(top, 'dist')

/**
 * By their place in dist/, without extension; and what of each is one file, in the order in which it is loaded: modules with all that
 * they import. What it loads when it is needed stays apart.
 */
const BUNDLES: readonly { entry: string; files: readonly (readonly string[])[] }[] = [
  // As many files as it takes for a command to load nothing that it does not need.
  { entry: 'cli', files: [] },
  // The writer's thread starts between the two.
  {
    entry: 'cli-serve',
    files: [
      ['cli-serve', 'cli/serve'],
      ['server', 'cli/init', 'store/writer-here'],
    ],
  },
  ...[
    ...['index', 'crl/build-thread', 'workers/thread'],
    ...['store/checkpoint-thread', 'store/search-thread', 'store/writer-thread'],
  ].map((entry) => ({ entry, files: [[entry]] })),
]

// What is edited while this runs is newer than the bundle, which bin/chancery.js then passes over.
const start = new Date()
const output = (await Promise.all(BUNDLES.map(bundled))).flat()
for (const part of output) {
  if (part.fileName.includes('/') && part.code.includes('import.meta.url')) {
    throw new Error(
      `${part.fileName}: paths from import.meta.url hold in dist/ itself alone. Ask src/package-files.ts.`,
    )
  }
  await put(join(dist, part.fileName), part.code)
}
await put(join(top, WHOLE_SCHEMA), wholeSchema())
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

async function bundled({ entry, files }: (typeof BUNDLES)[number]): Promise<OutputChunk[]> {
  const source = (name: string) => join(top, 'src', `${name}.ts`)
  const bundle = await rolldown({
    input: { [entry]: source(entry) },
    platform: 'node',
    external: /^[^./]/,
    preserveEntrySignatures: 'allow-extension',
  })
  const { output: parts } = await bundle.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name]-[hash].js',
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        {
          debugName: entry,
          name: bundledFiles(
            source(entry),
            files.map((names) => names.map(source)),
          ),
        },
      ],
    },
  })
  await bundle.close()
  return parts.map((part) => {
    if (part.type !== 'chunk') throw new Error(`${part.fileName}: only code is expected`)
    return part
  })
}

/** In one step: a service may be running from the file that was there. */
async function put(file: string, code: string): Promise<void> {
  await mkdir(dirname(file), { recursive: true })
  await writeFile(`${file}.new`, code)
  await utimes(`${file}.new`, start, start)
  await rename(`${file}.new`, file)
}
