import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
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
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it.each([
  ['as a module', 'esm', {}],
  ['as CommonJS, where esbuild leaves import.meta.url undefined', 'cjs', { 'import.meta.url': 'undefined' }],
] as const)(
  'a host that was bundled with the package %s hears to leave it out, and nothing is made',
  async (_, format, define) => {
    const bundle = await rolldown({
      input: join(folder, 'program.mjs'),
      platform: 'node',
      external: (name) => /^[^./]/.test(name),
      transform: { define },
    })
    const program = join(folder, format === 'esm' ? 'bundle.mjs' : 'bundle.cjs')
    await bundle.write({ file: program, format, codeSplitting: false })
    await bundle.close()
    const data = join(folder, `data-${format}`)
    const { stderr, status } = spawnSync(process.execPath, [program, data], { cwd: folder, encoding: 'utf8' })
    expect([status, stderr]).toEqual([1, expect.stringContaining('have the bundler leave the package out')])
    expect(existsSync(data)).toBe(false)
  },
  60_000,
)
