import { generateKeyPairSync } from 'node:crypto'
import { parseArgs } from 'node:util'
import { subjectAltName } from '../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../src/pki/csr/encode.ts'
import { encodeName } from '../src/pki/distinguished-name.ts'
import { drive, type Measured, type Post, type Target } from './load.ts'
import { localhostIdentity } from './localhost-identity.ts'
import { type Running, startEcho, startService, usage } from './processes.ts'

/**
 * Certificates per second over REST and TLS: distinct P-256 CSRs, a one-time token or the admin key, keep-alive connections,
 * durable as the service ships. Beside it, in the same run and with the same client and bodies, servers that only echo.
 */
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '4000' },
    connections: { type: 'string', default: '1,8,32' },
    auth: { type: 'string', default: 'token' },
    'cpu-prof': { type: 'string' },
  },
})
const count = Number(values.count)
const levels = values.connections.split(',').map(Number)

interface Row {
  readonly what: string
  readonly connections: number
  readonly measured: Measured
  /** Milliseconds of the server's processor time per request, all threads. */
  readonly cpu: number
  readonly peakMemory: number
}

async function measure(
  what: string,
  server: Running,
  target: Target,
  requests: readonly Post[],
  connections: number,
): Promise<Row> {
  const before = usage(server)
  const measured = await drive(target, requests, connections)
  const after = usage(server)
  return {
    what,
    connections,
    measured,
    cpu: ((after.cpu - before.cpu) * 1000) / requests.length,
    peakMemory: after.peakMemory,
  }
}

/** At one connection fewer requests give as steady a figure. */
function share(connections: number): number {
  return connections === 1 ? Math.ceil(count / 4) : count
}

function csrs(many: number): { name: string; body: Buffer }[] {
  return Array.from({ length: many }, (_, i) => {
    const name = `host-${i}.bench.example.test`
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const extensions = [subjectAltName([{ type: 'dns', value: name }], false)]
    return {
      name,
      body: encodeCsr({ key: privateKey, subject: encodeName([{ type: 'CN', value: name }]), extensions }),
    }
  })
}

const profiling = values['cpu-prof'] ? ['--cpu-prof', `--cpu-prof-dir=${values['cpu-prof']}`] : []
const service = await startService(profiling)
const target = { port: service.port, ca: service.root }
const admin = { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' }
const rows: Row[] = []

async function tokensFor(names: readonly string[]): Promise<string[]> {
  const posts = names.map((name) => ({
    path: '/v1/tokens',
    headers: admin,
    body: Buffer.from(JSON.stringify({ names: { dns: [name] } })),
  }))
  const { bodies } = await drive(target, posts, 8)
  return bodies.map((body) => (JSON.parse(body.toString()) as { token: string }).token)
}

async function enrolments(many: number): Promise<Post[]> {
  const requests = csrs(many)
  const secrets =
    values.auth === 'token'
      ? await tokensFor(requests.map(({ name }) => name))
      : requests.map(() => service.adminKey)
  return requests.map(({ body }, i) => ({
    path: '/v1/certificates',
    headers: { authorization: `Bearer ${secrets[i]}`, 'content-type': 'application/pkcs10' },
    body,
  }))
}

try {
  await drive(target, await enrolments(500), 8) // warm
  for (const connections of levels) {
    rows.push(
      await measure(
        `issuance (${values.auth})`,
        service,
        target,
        await enrolments(share(connections)),
        connections,
      ),
    )
  }
  const pemFile = await localhostIdentity(service)
  for (const [what, file] of [
    ['bare node:http echo', undefined],
    ['bare node:https echo', pemFile],
  ] as const) {
    const echo = await startEcho(file)
    const posts = csrs(count).map(({ body }) => ({ path: '/', headers: {}, body }))
    const echoTarget = { port: echo.port, ca: file ? service.root : null }
    await drive(echoTarget, posts.slice(0, 500), 8)
    for (const connections of levels)
      rows.push(await measure(what, echo, echoTarget, posts.slice(0, share(connections)), connections))
    await echo.stop()
  }
} finally {
  await service.stop()
}

console.log('| what | connections | per second | p50 ms | p99 ms | server CPU ms each | peak memory MB |')
console.log('|---|---:|---:|---:|---:|---:|---:|')
for (const { what, connections, measured, cpu, peakMemory } of rows) {
  const cells = [
    what,
    connections,
    measured.perSecond.toFixed(0),
    measured.p50.toFixed(1),
    measured.p99.toFixed(1),
    cpu.toFixed(2),
    peakMemory.toFixed(0),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}
