import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, expect, it } from 'vitest'

/** Somebody's program in one file, the CA in it. */
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'chancery-bundled-'))
beforeAll(() => {
  symlinkSync(join(checkout, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(
    join(folder, 'program.mjs'),
    `import { openChancery } from ${JSON.stringify(join(checkout, 'src/index.ts'))}
openChancery({ directory: process.argv[2], publicUrl: 'http://ca.example.test' })
`,
  )
  mkdirSync(join(folder, 'assets/src/store'), { recursive: true })
  for (const file of ['migrations', 'src/store/writer-thread.ts'])
    writeFileSync(join(folder, 'assets', file), '')
})
/** What a bundler that replaces it makes of a file's own address. */
const addressOf = (path: string) => ({ 'import.meta.url': JSON.stringify(pathToFileURL(path)) })

afterAll(() => rmSync(folder, { recursive: true, force: true }))

it.each([
  ['as a module', 'mjs', {}, []],
  [
    'as CommonJS, where esbuild leaves import.meta.url undefined',
    'cjs',
    { 'import.meta.url': 'undefined' },
    [],
  ],
  [
    "with the database's driver, while import.meta.url is that of the source, as webpack does",
    'webpack.cjs',
    addressOf(join(checkout, 'src/package-files.ts')),
    ['better-sqlite3'],
  ],
  [
    'with each folder that it reads become a file, as Turbopack does',
    'turbopack.mjs',
    addressOf(join(folder, 'assets/src/package-files.ts')),
    [],
  ],
] as const)(
  'a host that was bundled with the package %s hears to leave it out, and nothing is made',
  async (_, name, define, within) => {
    const bundle = await rolldown({
      input: join(folder, 'program.mjs'),
      platform: 'node',
      external: (name) => /^[^./]/.test(name) && !within.some((one) => one === name),
      transform: { define },
    })
    const program = join(folder, `bundle.${name}`)
    const format = name.endsWith('cjs') ? 'cjs' : 'esm'
    await bundle.write({ file: program, format, codeSplitting: false })
    await bundle.close()
    const data = join(folder, `data-${name}`)
    const { stderr, status } = spawnSync(process.execPath, [program, data], { cwd: folder, encoding: 'utf8' })
    expect([status, stderr]).toEqual([1, expect.stringContaining('have the bundler leave the package out')])
    expect(existsSync(data)).toBe(false)
  },
  60_000,
)
