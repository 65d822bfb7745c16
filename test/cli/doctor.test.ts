import { chmodSync, cpSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { auditEntry, SYSTEM_ORIGIN } from '../../src/ca/audit.ts'
import { lookAtIssuersBetween, lookAtNamed, lookAtPreferences } from '../../src/cli/doctor/authorities.ts'
import type { Finding } from '../../src/cli/doctor/finding.ts'
import { lookAsRelyingParty } from '../../src/cli/doctor/relying-party.ts'
import { Client } from '../../src/client/client.ts'
import { buildConfig } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { decodePem } from '../../src/pki/pem.ts'
import type { RunningServer } from '../../src/server.ts'
import { openForMaking } from '../../src/store/connection.ts'
import { openStore } from '../../src/store/open.ts'
import { freePort } from '../free-port.ts'
import { runTool, toolIsMissing } from '../pki/external-tool.ts'
import { startServer } from '../start-server.ts'
import { migrateToBefore } from '../store/older-database.ts'
import { chancery } from './console.ts'

let parent: string
let dir: string
let environment: Record<string, string>
let server: RunningServer | null = null

beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'chancery-doctor-'))
  dir = join(parent, 'data')
  const httpPort = String(await freePort())
  environment = {
    CHANCERY_DIR: dir,
    CHANCERY_HTTP_PORT: httpPort,
    CHANCERY_TLS_PORT: String(await freePort()),
    CHANCERY_LOG_LEVEL: 'silent',
  }
  const made = await chancery(['init', '--dir', dir, '--public-url', `http://localhost:${httpPort}`])
  expect(made.exitCode, made.stderr).toBe(0)
  server = await startServer(environment)
})
afterAll(async () => {
  await server?.close()
  rmSync(parent, { recursive: true, force: true })
})

async function doctor(...options: string[]) {
  const { exitCode, stdout, stderr } = await chancery(['doctor', ...options, '--json'], environment)
  const document = JSON.parse(stdout) as { healthy: boolean; failures: number; findings: Finding[] }
  return { ...document, exitCode, stderr }
}
const failures = ({ findings }: { findings: Finding[] }) =>
  findings.filter(({ verdict }) => verdict === 'failed').map(({ area, what }) => `${area}: ${what}`)
const of = ({ findings }: { findings: Finding[] }, area: string) =>
  findings.filter((one) => one.area === area && one.verdict === 'ok').map(({ what }) => what)

test('a CA in good order: keys, chain, CRL, OCSP and issuer, fetched from the addresses inside of certificates', async () => {
  const found = await doctor()
  expect(failures(found)).toEqual([])
  expect(found).toMatchObject({ healthy: true, exitCode: 0 })
  expect(of(found, 'keys')).toEqual([
    'intermediate.key.pem opens, and belongs to the certificate of "intermediate".',
    'service-tls.pem opens.',
  ])
  expect(of(found, 'crl')).toHaveLength(2)
  expect(of(found, 'issuer')).toHaveLength(2)
  expect(of(found, 'ocsp')).toMatchObject([
    expect.stringMatching(/the newest certificate of "intermediate": good/),
  ])
  expect(of(found, 'clock')).toHaveLength(1)
  // The root's folder is where init left it.
  expect(found.findings).toContainEqual(expect.objectContaining({ area: 'permissions', verdict: 'warning' }))
  const people = await chancery(['doctor'], environment)
  expect(people.exitCode).toBe(0)
  expect(people.stdout).toMatch(/^ok {7}chain {8}"intermediate" \(active\): complete and valid/m)
})

test('says how old the newest backup is', async () => {
  expect(failures(await doctor('--backups', parent))).toEqual([`backups: There is none in ${parent}.`])
  expect((await chancery(['backup', '--out', join(parent, 'backup')], environment)).exitCode).toBe(0)
  expect(of(await doctor('--backups', parent), 'backups')).toHaveLength(1)
})

test('a key that others may read, or that is not the authority’s, fails with what to do', async () => {
  const key = join(dir, 'keys', 'intermediate.key.pem')
  chmodSync(key, 0o644)
  const open = await doctor()
  expect(open).toMatchObject({ healthy: false, exitCode: 1 })
  expect(failures(open)).toEqual([`permissions: ${key} may be read by others.`])
  expect(open.findings.find(({ verdict }) => verdict === 'failed')!.todo).toContain(`chmod 600 ${key}`)
  chmodSync(key, 0o600)

  const kept = readFileSync(key)
  const tls = readFileSync(join(dir, 'keys', 'service-tls.pem'), 'utf8')
  writeFileSync(key, tls.slice(0, tls.indexOf('-----BEGIN CERTIFICATE')))
  expect(failures(await doctor())).toEqual([
    'keys: intermediate.key.pem does not belong to the certificate of "intermediate".',
  ])
  renameSync(key, `${key}.away`)
  expect(failures(await doctor())).toEqual([
    `keys: The key of "intermediate" is not in ${join(dir, 'keys')}.`,
  ])
  rmSync(`${key}.away`)
  writeFileSync(key, kept, { mode: 0o600 })
  expect(failures(await doctor())).toEqual([])
})

test('where the service is not reached but runs, the database is read beside it, and no restoration is advised', async () => {
  const elsewhere = { ...environment, CHANCERY_TLS_PORT: String(await freePort()) }
  const { stdout } = await chancery(['doctor', '--json'], elsewhere)
  const found = JSON.parse(stdout) as Awaited<ReturnType<typeof doctor>>
  expect(failures(found)).toMatchObject([expect.stringMatching(/^service: Nothing listens at/)])
  expect(of(found, 'database')).toEqual(['It opens.'])
  expect(of(found, 'chain')).toHaveLength(1)
})

test('a database that the program has not brought forward yet is left as it is', async () => {
  const old = join(parent, 'old')
  cpSync(dir, old, { recursive: true, filter: (name) => !name.includes('chancery.db') })
  const file = join(old, 'chancery.db')
  writeFileSync(file, '')
  const db = openForMaking(file)
  migrateToBefore(db, 'rollover')
  const schema = () => db.pragma('user_version', { simple: true })
  const before = schema()
  const { stdout } = await chancery(['doctor', '--dir', old, '--json'], {
    ...environment,
    CHANCERY_DIR: old,
    CHANCERY_TLS_PORT: String(await freePort()),
  })
  const found = JSON.parse(stdout) as Awaited<ReturnType<typeof doctor>>
  expect(failures(found)).toMatchObject([
    expect.stringMatching(/^service: /),
    expect.stringMatching(/^database: .*start the service with it once/),
  ])
  expect(schema()).toBe(before)
  db.close()
})

test('a database that is damaged is a finding, and audit verify says so', async () => {
  const damaged = join(parent, 'damaged')
  cpSync(dir, damaged, { recursive: true, filter: (name) => !name.includes('chancery.db') })
  writeFileSync(join(damaged, 'chancery.db'), 'no database at all'.repeat(1000))
  const elsewhere = { ...environment, CHANCERY_DIR: damaged, CHANCERY_TLS_PORT: String(await freePort()) }
  const { stdout } = await chancery(['doctor', '--json'], elsewhere)
  const found = JSON.parse(stdout) as Awaited<ReturnType<typeof doctor>>
  expect(failures(found)).toMatchObject([
    expect.stringMatching(/^service: /),
    expect.stringMatching(/^database: .* cannot be read: file is not a database/),
  ])
  expect(await chancery(['audit', 'verify'], elsewhere)).toMatchObject({
    exitCode: 1,
    stderr: expect.stringMatching(/^chancery: The database .* cannot be read/),
  })
})

test('where no service runs it says so, and looks at the rest', async () => {
  await server?.close()
  server = null
  const found = await doctor()
  expect(failures(found)).toMatchObject([expect.stringMatching(/^service: Nothing listens at/)])
  expect(of(found, 'database')).toEqual(['It opens.'])
  expect(of(found, 'chain')).toHaveLength(1)
  expect(of(found, 'keys')).toHaveLength(2)
  expect(found.exitCode).toBe(1)
})

test('a retired authority that answers no more needs no key, also where no service runs', async () => {
  const store = await openStore({ file: join(dir, 'chancery.db') })
  try {
    const one = (await store.read.authorities()).find(({ isDefault }) => isDefault)!
    const audit = auditEntry('authority.create', 'ok', 'spent', { id: 'test' }, SYSTEM_ORIGIN, new Date(0))
    const spent = { id: 'spent', state: 'retired', isDefault: false, keyFile: 'keys/spent.key.pem' } as const
    await store.write('recordAuthority', { ...one, ...spent, createdAt: 0, audit })
  } finally {
    await store.close()
  }
  const found = await doctor()
  expect(failures(found)).toMatchObject([expect.stringMatching(/^service: Nothing listens at/)])
  expect(found.findings).toContainEqual(
    expect.objectContaining({ verdict: 'warning', what: expect.stringMatching(/"spent" is retired/) }),
  )
})

test('an option that asks for the way to a root that is retired, or is none, is a warning', () => {
  const { config } = loadConfig({ ...environment, CHANCERY_DIR: dir })
  const root = { id: 'root', role: 'root', isDefault: false, certificate: null, chain: [], answers: true }
  const found = (chain: string, state: string) =>
    lookAtPreferences({
      ...{ directory: dir, passphrase: null, client: null, now: 0, authorities: [{ ...root, state }] },
      config: { ...config, tls: { ...config.tls, chain } },
    })
  expect(found('root', 'active')).toEqual([])
  for (const looked of [found('root', 'retired'), found('other', 'active')])
    expect(looked).toMatchObject([{ verdict: 'warning', what: expect.stringMatching(/^tls.chain names/) }])
})

test('an authority that the configuration names and that is not there is a warning, with its option', () => {
  const named = (options: object) => {
    const config = buildConfig({ dir, file: options, environment: {} })
    const known = {
      role: 'issuing',
      state: 'active',
      isDefault: true,
      certificate: null,
      chain: [],
      answers: true,
    }
    return lookAtNamed({ config, authorities: [{ ...known, id: 'intermediate' }] }).map(({ what }) => what)
  }
  const says = (option: string) => `${option} names "edge", and there is no such authority.`
  expect(named({})).toEqual([])
  expect(named({ est: { authority: 'intermediate' }, authorities: { intermediate: {} } })).toEqual([])
  expect(
    named({
      profiles: { server: { authority: 'edge' } },
      est: { authority: 'edge', labels: { pumps: {} } },
      authorities: { edge: {} },
    }),
  ).toEqual(
    ['profiles.server.authority', 'est.authority', 'est.labels.pumps.authority', 'authorities.edge'].map(
      says,
    ),
  )
})

test('a CA between an authority and the root that is not on record is a warning: its CRL has no place', () => {
  const read = (file: string) =>
    decodePem(readFileSync(join(dir, file), 'utf8').replace(/^.*?(?=-----BEGIN CERT)/s, ''), 'certificate')
  const [between, intermediate] = read('keys/service-tls.pem').map(({ der }) => parseCertificate(der))
  const root = parseCertificate(read('root.pem')[0]!.der)
  const known = { state: 'active', isDefault: true, answers: true }
  const found = (chain: Buffer[]) =>
    lookAtIssuersBetween({
      authorities: [
        { ...known, id: 'intermediate', role: 'issuing', certificate: intermediate!, chain },
        { ...known, id: 'root', role: 'root', certificate: root, chain: [] },
      ],
    })
  expect(found([root.der])).toEqual([])
  expect(found([between!.der, root.der])).toMatchObject([
    { verdict: 'warning', what: expect.stringMatching(/^Above "intermediate" is .*whose CRL is not here/) },
  ])
})

test.skipIf(toolIsMissing('openssl'))(
  'addresses of a directory, and what is none, are named and not asked',
  async () => {
    const urls = 'crlDistributionPoints=URI:ldap:///CN=Root,URI:no address'
    const subject = ['-subj', '/CN=Elsewhere', '-addext', urls]
    const made = runTool('openssl', [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-noenc',
      '-keyout',
      'key.pem',
      ...subject,
    ])
    const { der } = decodePem(made, 'certificate')[0]!
    const root = { id: 'root', role: 'root', state: 'active', isDefault: false, answers: true }
    const found = await lookAsRelyingParty({
      ...{ directory: dir, passphrase: null, now: 0, config: loadConfig(environment).config },
      client: new Client({ url: new URL('https://localhost:1'), roots: made }, {}),
      authorities: [{ ...root, certificate: parseCertificate(der), chain: [der] }],
    })
    expect(found).toMatchObject([
      { verdict: 'warning', what: expect.stringMatching(/^ldap:.*not looked at/) },
      { verdict: 'warning', what: expect.stringMatching(/^no address/) },
    ])
  },
)

test('an authority that is revoked is a failure for as long as it issues, and a warning once it is retired', async () => {
  server ??= await startServer(environment)
  const file = (name: string) => join(parent, name)
  const run = async (...argv: string[]) => {
    const { exitCode, stderr } = await chancery(argv, environment)
    expect(exitCode, stderr).toBe(0)
  }
  const base = `http://localhost:${environment.CHANCERY_HTTP_PORT}`
  const fetched = async (path: string) => Buffer.from(await (await fetch(base + path)).arrayBuffer())
  writeFileSync(file('last.crl'), await fetched('/crl/root.crl'))
  const { serialNumber } = parseCertificate(await fetched('/ca/intermediate.crt'))
  const root = [
    ...['--root-folder', join(dir, 'root-offline')],
    ...['--root-passphrase-file', join(dir, 'root-passphrase')],
  ]
  await run(
    'root',
    'crl',
    ...root,
    '--previous',
    file('last.crl'),
    '--revoke',
    serialNumber,
    '--out',
    file('crl.pem'),
  )
  await run('crl', 'install', 'root', file('crl.pem'))
  const listed = `${base}/crl/root.crl lists the certificate of "intermediate" as revoked.`
  const find = async () => (await doctor()).findings.find(({ what }) => what === listed)
  expect(await find()).toMatchObject({ verdict: 'failed' })

  await run('authority', 'create', 'next', '--replaces', 'intermediate', '--subject', 'CN=Next')
  await run('authority', 'csr', 'next', '--out', file('next.csr'))
  const out = ['--public-url', base, '--out', file('next.pem')]
  await run('authority', 'sign', file('next.csr'), ...root, ...out)
  await run('authority', 'install', file('next.pem'), '--authority', 'next')
  await run('authority', 'activate', 'next', '--force', 'propagation')
  expect(await find()).toMatchObject({ verdict: 'warning', todo: expect.stringContaining('enrol again') })
})
