import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'

const SRC = fileURLToPath(new URL('../src', import.meta.url))

interface SourceFile {
  /** Relative to src. */
  readonly path: string
  readonly text: string
  /** The code alone: comments blanked, so that words in them prove nothing. */
  readonly code: string
  readonly imports: readonly string[]
  /** Those of types alone: gone at run time. */
  readonly typesOnly: ReadonlySet<string>
}

const files: readonly SourceFile[] = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .sort()
  .map((path) => {
    const text = readFileSync(join(SRC, path), 'utf8')
    const code = text.replace(/(?<=^|\s)\/\*[\s\S]*?\*\//gm, '').replace(/^\s*\/\/.*$|\s\/\/ .*$/gm, '')
    const specifiers = [
      ...code.matchAll(/^\s*(?:import|export)\s+(?:[\w$*{},\s]+?\s+from\s+)?['"]([^'"]+)['"]/gm),
    ]
    // `import('x')`, a type or a load at run time, counts as well.
    const dynamic = [...code.matchAll(/\bimport\(\s*['"]([^'"]+)['"]/g)]
    const typesOnly = code.matchAll(/^\s*(?:import|export) type\s+[\w$*{},\s]+?\s+from\s+['"]([^'"]+)['"]/gm)
    return {
      path,
      text,
      code,
      imports: [...specifiers, ...dynamic].map(([, specifier]) => specifier!),
      typesOnly: new Set([...typesOnly].map(([, specifier]) => specifier!)),
    }
  })

/** The part of the house that a file belongs to: its first folder, or its own name at the top. */
function part(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : path
}

function resolved(file: SourceFile, { types } = { types: true }): string[] {
  return file.imports
    .filter((specifier) => specifier.startsWith('.') && (types || !file.typesOnly.has(specifier)))
    .map((specifier) => relative(SRC, join(SRC, dirname(file.path), specifier)))
}

/** What each part may import beside itself, from the deepest up. A new part must be given its place here. */
const BELOW: Readonly<Record<string, readonly string[]>> = {
  'clock.ts': [],
  'node-http.ts': [],
  'entity-tag.ts': [],
  'errors.ts': [],
  'package-files.ts': ['errors.ts'],
  'health.ts': [],
  metrics: [],
  'turns.ts': [],
  'tickets.ts': [],
  'fair-queue.ts': [],
  'fair-turns.ts': ['fair-queue.ts'],
  'regular-looks.ts': [],
  'daily-warnings.ts': [],
  'recent-map.ts': [],
  'durable-files.ts': [],
  'write-files.ts': ['durable-files.ts'],
  schema: [],
  tracing: [],
  pki: ['errors.ts'],
  store: [
    'tracing',
    'metrics',
    'pki',
    'clock.ts',
    'durable-files.ts',
    'package-files.ts',
    'recent-map.ts',
    'tickets.ts',
    'errors.ts',
  ],
  config: ['schema', 'pki', 'durable-files.ts', 'errors.ts'],
  auth: ['store', 'pki', 'clock.ts', 'durable-files.ts', 'errors.ts'],
  oidc: ['auth', 'config', 'store', 'clock.ts', 'errors.ts'],
  ca: [
    'tracing',
    'auth',
    'config',
    'store',
    'pki',
    'metrics',
    'regular-looks.ts',
    'clock.ts',
    'durable-files.ts',
    'errors.ts',
  ],
  ocsp: [
    'tracing',
    'ca',
    'config',
    'store',
    'pki',
    'metrics',
    'clock.ts',
    'daily-warnings.ts',
    'turns.ts',
    'errors.ts',
  ],
  crl: [
    'tracing',
    'ca',
    'config',
    'store',
    'pki',
    'clock.ts',
    'daily-warnings.ts',
    'entity-tag.ts',
    'package-files.ts',
    'turns.ts',
    'errors.ts',
  ],
  acme: [
    'tracing',
    'ca',
    'auth',
    'config',
    'store',
    'pki',
    'metrics',
    'clock.ts',
    'fair-queue.ts',
    'fair-turns.ts',
    'recent-map.ts',
    'errors.ts',
    'turns.ts',
    'node-http.ts',
  ],
  est: ['ca', 'auth', 'config', 'store', 'pki', 'clock.ts', 'fair-turns.ts', 'errors.ts'],
  'revocation.ts': ['ocsp', 'crl', 'ca', 'config', 'store', 'clock.ts', 'health.ts'],
  'authority-changes.ts': ['revocation.ts', 'ca', 'regular-looks.ts', 'health.ts'],
  'revoked-authorities.ts': ['crl', 'ca', 'clock.ts', 'daily-warnings.ts', 'health.ts'],
  'service-checks.ts': ['revoked-authorities.ts', 'acme', 'ca', 'store', 'clock.ts', 'health.ts'],
  webhooks: [
    'node-http.ts',
    'acme',
    'crl',
    'ca',
    'config',
    'store',
    'metrics',
    'clock.ts',
    'health.ts',
    'errors.ts',
  ],
  telemetry: ['webhooks', 'acme', 'config', 'metrics', 'tracing', 'clock.ts', 'health.ts', 'errors.ts'],
  'configured-parts.ts': [
    'telemetry',
    'oidc',
    'auth',
    'webhooks',
    'config',
    'store',
    'clock.ts',
    'health.ts',
  ],
  'service.ts': [
    'configured-parts.ts',
    'telemetry',
    'tracing',
    'auth',
    'authority-changes.ts',
    'revoked-authorities.ts',
    'service-checks.ts',
    'webhooks',
    'acme',
    'est',
    'revocation.ts',
    'ocsp',
    'crl',
    'ca',
    'config',
    'store',
    'clock.ts',
    'health.ts',
  ],
  haproxy: ['pki', 'errors.ts'],
  client: ['ocsp', 'pki', 'errors.ts', 'node-http.ts'],
  sds: ['service.ts', 'ocsp', 'crl', 'auth', 'store', 'pki', 'clock.ts', 'errors.ts'],
  agent: [
    'metrics',
    'schema',
    'client',
    'haproxy',
    'sds',
    'ocsp',
    'config',
    'pki',
    'clock.ts',
    'durable-files.ts',
    'write-files.ts',
    'errors.ts',
    'node-http.ts',
  ],
  api: [
    'tracing',
    'schema',
    'health.ts',
    'metrics',
    'turns.ts',
    'tickets.ts',
    'fair-queue.ts',
    'sds',
    'acme',
    'est',
    'service.ts',
    'ocsp',
    'crl',
    'ca',
    'auth',
    'config',
    'store',
    'pki',
    'clock.ts',
    'entity-tag.ts',
    'package-files.ts',
    'errors.ts',
    'node-http.ts',
  ],
  'app.ts': ['api', 'service.ts'],
  'log.ts': [],
  workers: ['api', 'log.ts', 'ocsp', 'health.ts', 'clock.ts', 'package-files.ts', 'node-http.ts'],
  'listen.ts': ['config', 'errors.ts'],
  'tls-listener.ts': [
    'regular-looks.ts',
    'listen.ts',
    'service.ts',
    'ca',
    'config',
    'pki',
    'clock.ts',
    'errors.ts',
  ],
  'metrics-listener.ts': ['listen.ts', 'app.ts', 'service.ts', 'config'],
  'plain-listener.ts': [
    'listen.ts',
    'app.ts',
    'workers',
    'service.ts',
    'config',
    'clock.ts',
    'errors.ts',
    'health.ts',
  ],
  'server.ts': [
    'metrics-listener.ts',
    'api',
    'app.ts',
    'tls-listener.ts',
    'plain-listener.ts',
    'log.ts',
    'service.ts',
    'ca',
    'config',
    'pki',
    'clock.ts',
  ],
  'runtime.ts': ['errors.ts'],
  'index.ts': [
    'api',
    'health.ts',
    'runtime.ts',
    'service.ts',
    'store',
    'ca',
    'config',
    'clock.ts',
    'errors.ts',
    'package-files.ts',
  ],
  cli: [
    'server.ts',
    'log.ts',
    'agent',
    'client',
    'haproxy',
    'sds',
    'acme',
    'ocsp',
    'ca',
    'auth',
    'config',
    'store',
    'pki',
    'clock.ts',
    'durable-files.ts',
    'package-files.ts',
    'write-files.ts',
    'errors.ts',
  ],
  'cli.ts': ['cli'],
  'cli-serve.ts': ['cli'],
}

/** Files whose code matches, or that import what matches, beside those that may. */
function offenders(pattern: RegExp, allowed: RegExp, where: 'code' | 'imports' = 'code'): string[] {
  return files
    .filter(({ path }) => !allowed.test(path))
    .filter((file) =>
      where === 'code' ? pattern.test(file.code) : file.imports.some((one) => pattern.test(one)),
    )
    .map(({ path }) => path)
}

test('there is something to look at', () => {
  expect(files.length).toBeGreaterThan(100)
  expect(files.find(({ path }) => path === 'ca/issue.ts')?.imports).toContain('../auth/principal.ts')
  expect(resolved(files.find(({ path }) => path === 'ca/policy/grant.ts')!)).toContain(
    'pki/distinguished-name.ts',
  )
})

describe('imports', () => {
  test('point down', () => {
    const up = files.flatMap((file) =>
      resolved(file)
        .filter((target) => part(target) !== part(file.path))
        .filter((target) => !BELOW[part(file.path)]?.includes(part(target)))
        .map((target) => `${file.path} -> ${target}`),
    )
    expect(up).toEqual([])
  })

  test('the order itself has no way back up', () => {
    const parts = Object.keys(BELOW)
    for (const [name, below] of Object.entries(BELOW)) {
      for (const one of below)
        expect(parts.indexOf(one), `${name} -> ${one}`).toBeLessThan(parts.indexOf(name))
    }
    expect([...new Set(files.map(({ path }) => part(path)))].filter((one) => !parts.includes(one))).toEqual(
      [],
    )
  })

  test('go in no circle, file by file', () => {
    // Two files of one folder may know each other's types; what runs has an order.
    const targets = new Map(files.map((file) => [file.path, resolved(file, { types: false })]))
    const done = new Set<string>()
    const circles: string[] = []
    const visit = (path: string, trail: readonly string[]): void => {
      if (trail.includes(path)) circles.push([...trail.slice(trail.indexOf(path)), path].join(' -> '))
      if (done.has(path) || trail.includes(path)) return
      for (const target of targets.get(path) ?? []) visit(target, [...trail, path])
      done.add(path)
    }
    for (const { path } of files) visit(path, [])
    expect(circles).toEqual([])
  })

  test('go in no circle, folder by folder within a part', () => {
    const folders = new Map<string, Set<string>>()
    for (const file of files) {
      const from = dirname(file.path)
      const to = folders.get(from) ?? new Set()
      folders.set(from, to)
      for (const target of resolved(file)) if (dirname(target) !== from) to.add(dirname(target))
    }
    // A folder and the files beside it, such as ca/policy and ca/, may know each other; two siblings may not.
    const nested = (a: string, b: string) =>
      a === '.' || b === '.' || a.startsWith(`${b}/`) || b.startsWith(`${a}/`)
    const circles = [...folders].flatMap(([from, to]) =>
      [...to]
        .filter((one) => from < one && !nested(from, one) && folders.get(one)?.has(from))
        .map((one) => `${from} <-> ${one}`),
    )
    expect(circles).toEqual([])
  })

  test('of the agent reach nothing of the service', () => {
    const reached = new Set<string>()
    const visit = (path: string): void => {
      if (reached.has(path)) return
      reached.add(path)
      const file = files.find((one) => one.path === path)!
      for (const target of resolved(file, { types: false })) visit(target)
    }
    visit('cli/agent.ts')
    expect(reached.size).toBeGreaterThan(30)
    const parts = ['store', 'ca', 'crl', 'acme', 'est', 'api', 'auth', 'service.ts', 'server.ts', 'app.ts']
    expect([...reached].filter((path) => parts.includes(part(path)))).toEqual([])
  })

  test('load at run time nothing that costs more than what it is used for', () => {
    const costly = /^(typebox(\/|$)|node:http$)/
    const loading = files.filter((file) =>
      file.imports.some((one) => costly.test(one) && !file.typesOnly.has(one)),
    )
    // Types come from TypeBox, values from schema/build.ts; node:http from node-http.ts, which says why.
    expect(loading.map(({ path }) => path)).toEqual([])
  })

  test('of relative files say .ts, and nothing loads outside of src', () => {
    for (const file of files) {
      for (const specifier of file.imports.filter((one) => one.startsWith('.')))
        expect(specifier).toMatch(/\.ts$/)
      for (const target of resolved(file)) expect(target, file.path).not.toMatch(/^\.\./)
    }
  })
})

describe('only', () => {
  test('api, what builds applications and the clients of http-01 and webhooks know HTTP', () => {
    expect(
      offenders(
        /^(@?fastify\b|node:https?$|light-my-request)/,
        /^(api\/|acme\/validation\/(http-get|request-to)\.ts$|webhooks\/post\.ts$|app\.ts$|workers\/|server\.ts$|(?:tls|plain|metrics)-listener\.ts$|listen\.ts$|index\.ts$|log\.ts$|client\/|agent\/|cli\/)/,
        'imports',
      ),
    ).toEqual([])
  })

  test('the room of metrics knows Prometheus, and what shows metrics its registry', () => {
    expect(
      offenders(/^prom-client$/, /^(metrics\/exposition\.ts|api\/metrics\/|agent\/metrics\.ts$)/, 'imports'),
    ).toEqual([])
  })

  test('the store knows SQLite', () => {
    expect(offenders(/sqlite/, /^store\//, 'imports')).toEqual([])
    expect(offenders(/\b(SELECT|INSERT INTO|UPDATE|DELETE FROM) [a-z_]+ /, /^store\//)).toEqual([])
  })

  test('pki knows ASN.1 libraries, and pki, ocsp and crl build DER', () => {
    expect(offenders(/^(@peculiar\/|pkijs|asn1js|reflect-metadata)/, /^pki\//, 'imports')).toEqual([])
    expect(
      offenders(/pki\/der\/write\.ts$/, /^(pki|ocsp|crl)\//, 'imports').filter(
        (path) => part(path) !== 'pki',
      ),
    ).toEqual([])
  })

  test('ca, ocsp and crl sign with an authority’s key', () => {
    expect(offenders(/\b(?:signer|[a-zA-Z]*Signer)\)?\.sign\(/, /^(ca|ocsp|crl)\//)).toEqual([])
    expect(files.filter(({ code }) => /\bsigner\.sign\(/.test(code)).length).toBeGreaterThan(2)
  })

  test('finish.ts alone lends the writer a key', () => {
    expect(offenders(/\bquickKey\(/, /^ca\/(finish|key-signer)\.ts$/)).toEqual([])
    expect(offenders(/\bsignCertificate\(/, /^store\/sign-issuances\.ts$/)).toEqual([])
  })

  test('issue.ts records issuances, and revoke.ts revocations', () => {
    expect(offenders(/write\(\s*'recordIssuance'/, /^ca\/issue\.ts$/)).toEqual([])
    expect(offenders(/write\(\s*'(revoke|release)'/, /^ca\/revoke\.ts$/)).toEqual([])
  })

  test('clock.ts asks for the time, and nobody for chance that is none', () => {
    expect(offenders(/\bnew Date\(\s*\)|\bDate\.now\(|\bperformance\.now\(/, /^clock\.ts$/)).toEqual([])
    expect(offenders(/Math\.random\(/, /^$/)).toEqual([])
    expect(files.find(({ path }) => path === 'clock.ts')!.code).toMatch(/new Date\(\)/)
  })

  test('config reads the environment', () => {
    expect(offenders(/process\s*\.\s*env\b|\benv\b[^'"]*from 'node:process'/, /^config\//)).toEqual([])
    expect(files.filter(({ code }) => /process\.env/.test(code)).length).toBeGreaterThan(0)
  })

  test('the store, CRLs and the plain listener have threads of their own', () => {
    expect(offenders(/^node:worker_threads$/, /^(store|crl|workers)\//, 'imports')).toEqual([])
  })
})

describe('files', () => {
  test('stay under 300 lines', () => {
    expect(files.filter(({ text }) => text.split('\n').length >= 300).map(({ path }) => path)).toEqual([])
  })

  test('have names that say what is in them', () => {
    expect(
      files
        .map(({ path }) => path)
        .filter((path) => /(^|\/)(utils?|helpers?|common|misc|types)(\/|\.ts$)/.test(path)),
    ).toEqual([])
  })

  test('re-export nothing but the package’s own face', () => {
    expect(offenders(/^export \* from|^export \{[^}]*\} from/m, /^index\.ts$/)).toEqual([])
  })
})
