import { execFileSync } from 'node:child_process'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openSslRequest } from '../scenario/enrolment.ts'
import { startService } from '../scenario/harness.ts'

/** What someone gets who installs the package: packed, installed in an empty folder, used from there. */
const checkout = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'chancery-package-'))

function run(command: string, args: readonly string[], cwd = folder): string {
  return execFileSync(command, args, {
    cwd,
    encoding: 'utf8',
    // The installed package brings no Node of its own: whoever installs it has a new enough one.
    env: {
      ...process.env,
      PATH: `${dirname(process.execPath)}:${process.env.PATH}`,
      CHANCERY_DIR: join(folder, 'cli-data'),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

/** With others of them the package compiles its schemas itself. */
function librariesOfSchemas(): Record<string, string> {
  const version = (name: string) =>
    JSON.parse(readFileSync(join(checkout, 'node_modules', name, 'package.json'), 'utf8')).version
  return { ajv: version('ajv'), 'fast-json-stringify': version('fast-json-stringify') }
}

beforeAll(() => {
  run('npm', ['pack', '--pack-destination', folder], checkout)
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!
  const consumer = { name: 'consumer', private: true, type: 'module', overrides: librariesOfSchemas() }
  writeFileSync(join(folder, 'package.json'), JSON.stringify(consumer))
  run('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', `./${tarball}`])
}, 300_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('the packed package', () => {
  it('holds the compiled code and what it needs, and neither sources nor data', () => {
    const files = readdirSync(join(folder, 'node_modules/chancery'))
    expect(files.sort()).toEqual(
      [
        'CHANGELOG.md',
        'LICENSE',
        'README.md',
        'bin',
        'deploy',
        'docs',
        'console',
        'dist',
        'migrations',
        'openapi.yaml',
        'package.json',
        'proto',
      ].sort(),
    )
  })

  it('brings the pages that its units and its README name', () => {
    const root = join(folder, 'node_modules/chancery')
    const units = ['chancery.service', 'chancery-agent.service'].flatMap((unit) => [
      ...readFileSync(join(root, 'deploy', unit), 'utf8').matchAll(
        /^Documentation=file:.*?\/chancery\/(.*)$/gm,
      ),
    ])
    const links = readFileSync(join(root, 'README.md'), 'utf8').matchAll(/\]\((docs\/[^)#]+\.md)/g)
    const named = [...units, ...links].map(([, file]) => file!)
    expect(named).toEqual(expect.arrayContaining(['README.md', 'docs/agent.md', 'docs/consumers/envoy.md']))
    expect(named.filter((file) => !existsSync(join(root, file)))).toEqual([])
  })

  it('brings the console as it was built, without its sources', () => {
    const files = readdirSync(join(folder, 'node_modules/chancery/console'), { recursive: true })
    expect(files).toEqual(expect.arrayContaining(['dist', 'dist/index.html', 'dist/assets']))
    expect(files.filter((name) => String(name).endsWith('.tsx'))).toEqual([])
  })

  it('mounts in a Fastify application under a prefix, and issues a certificate that openssl verifies', () => {
    copyFileSync(fileURLToPath(new URL('consumer.mjs', import.meta.url)), join(folder, 'consumer.mjs'))
    const issued = JSON.parse(run(process.execPath, ['consumer.mjs']))
    expect(issued).toMatchObject({
      status: 201,
      location: expect.stringMatching(/^\/pki\/v1\/certificates\/[0-9a-f]{40}$/),
    })
    writeFileSync(join(folder, 'leaf.pem'), issued.certificate)
    writeFileSync(join(folder, 'chain.pem'), issued.chain.join(''))
    writeFileSync(join(folder, 'roots.pem'), issued.roots)
    expect(run('openssl', ['verify', '-CAfile', 'roots.pem', '-untrusted', 'chain.pem', 'leaf.pem'])).toBe(
      'leaf.pem: OK\n',
    )
    const text = run('openssl', ['x509', '-in', 'leaf.pem', '-noout', '-text'])
    expect(text).toContain('URI:http://ca.example.test/pki/crl/intermediate.crl')
    expect(issued.health.status).toBe('ready')
  }, 60_000)

  it('has types that a strict TypeScript program can use, which has those of Node.js and checks all that it reads', () => {
    for (const name of ['@types/node', 'undici-types'])
      cpSync(join(checkout, 'node_modules', name), join(folder, 'node_modules', name), { recursive: true })
    const program = `import Fastify from 'fastify'
import { chancery, openChancery, type Service } from 'chancery'
const service: Service = await openChancery({ directory: './d', publicUrl: 'http://ca.example.test/pki' })
await Fastify().register(chancery, { prefix: '/pki', service })
// @ts-expect-error publicUrl is needed
await openChancery({ directory: './d' })
`
    writeFileSync(join(folder, 'program.ts'), program)
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: {
          module: 'nodenext',
          target: 'es2024',
          strict: true,
          noEmit: true,
          skipLibCheck: false,
          types: ['node'],
        },
        files: ['program.ts'],
      }),
    )
    const tsc = join(checkout, 'node_modules/typescript/bin/tsc')
    expect(run(process.execPath, [tsc, '-p', '.'])).toBe('')
  }, 60_000)

  it('brings the command line', () => {
    const bin = join(folder, 'node_modules/.bin/chancery')
    const made = JSON.parse(run(process.execPath, [bin, 'init', '--json']))
    expect(made.rootFingerprint).toMatch(/^[0-9a-f]{64}$/)
  }, 60_000)

  it('answers requests by schemas that were compiled when it was built', async () => {
    const loaded = join(folder, 'loaded.json')
    writeFileSync(
      join(folder, 'loaded.mjs'),
      `import { createRequire } from 'node:module'
import { writeFileSync } from 'node:fs'
const { cache } = createRequire(import.meta.url)
process.on('exit', () => writeFileSync(${JSON.stringify(loaded)}, JSON.stringify(Object.keys(cache))))
`,
    )
    await openSslRequest(folder, 'web', 'DNS:web.example.test')
    const service = await startService({
      program: join(folder, 'node_modules/chancery/bin/chancery.js'),
      environment: { NODE_OPTIONS: `--import=${join(folder, 'loaded.mjs')}` },
    })
    const rest = service.rest()
    const names = { dns: ['web.example.test'] }
    const misspelt = await rest.call('POST', '/v1/tokens', { body: { names, tll: '1h' } })
    expect([misspelt.status, misspelt.body.toString()]).toEqual([
      400,
      expect.stringContaining('which is not known here'),
    ])
    const { token } = await rest.json<{ token: string }>('POST', '/v1/tokens', { body: { names } })
    const issued = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
      bearer: token,
      body: { csr: readFileSync(join(folder, 'web.csr'), 'utf8') },
    })
    const found = await rest.json<{ certificates: { serialNumber: string }[] }>(
      'GET',
      '/v1/certificates?name=web.example.test',
    )
    expect(found.certificates.map(({ serialNumber }) => serialNumber)).toEqual([issued.serialNumber])
    rest.close()
    await service.stop()
    const files = JSON.parse(readFileSync(loaded, 'utf8')) as string[]
    const compiled = files.filter((file) => file.includes('/chancery/dist/schemas/'))
    expect(compiled.length).toBeGreaterThan(3)
    expect(files.filter((file) => /ajv\.js$|fast-json-stringify\/index\.js$/.test(file))).toEqual([])
  }, 60_000)
})
