import { fork } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import type { Order, Outcome, Site } from './acme-driver.ts'
import { localhostIdentity } from './localhost-identity.ts'
import { type Running, type RunningService, startPebble, startService, usage } from './processes.ts'

/**
 * Whole ACME orders per second over TLS: new order, its authorization looked at, finalize, download, each with a CSR of its own,
 * ES256, valid authorizations reused. Chancery durable as it ships, pebble in memory, in turns by one driver.
 */
const { values } = parseArgs({
  options: {
    orders: { type: 'string', default: '2000' },
    rounds: { type: 'string', default: '3' },
    accounts: { type: 'string', default: '8' },
    // The folder of another checkout, to be measured as well.
    beside: { type: 'string' },
    'cpu-prof': { type: 'string' },
  },
})
const orders = Number(values.orders)
const accounts = Number(values.accounts)
const rounds = Number(values.rounds)

interface Measured {
  readonly what: string
  /** Its path. */
  readonly directory: string
  server: Running
  readonly seconds: number[]
  readonly latencies: number[]
  /** Seconds of processor time, all threads. */
  serverCpu: number
  driverCpu: number
}

const driver = fork(new URL('./acme-driver.ts', import.meta.url))
const [site] = (await once(driver, 'message')) as [Site]
const lost = once(driver, 'exit').then(() => {
  throw new Error('the driver failed')
})
lost.catch(() => {}) // at the end, when it is let go

function nothing(): Pick<Measured, 'seconds' | 'latencies' | 'serverCpu' | 'driverCpu'> {
  return { seconds: [], latencies: [], serverCpu: 0, driverCpu: 0 }
}

async function ask(order: Order): Promise<Outcome> {
  driver.send(order)
  const [outcome] = (await Promise.race([once(driver, 'message'), lost])) as [Outcome]
  return outcome
}

const profiling = values['cpu-prof'] ? ['--cpu-prof', `--cpu-prof-dir=${values['cpu-prof']}`] : []
const options = { acme: { validation: { httpPort: site.httpPort, resolvers: [site.resolver] } } }
const service = await startService(profiling, options)
const pemFile = await localhostIdentity(service)
const measured: Measured[] = [
  { what: 'Chancery, durable', directory: '/acme/directory', server: service, ...nothing() },
  { what: 'pebble, in memory', directory: '/dir', server: await startPebble(pemFile), ...nothing() },
]
if (values.beside !== undefined) {
  const server = await startService([], options, values.beside)
  measured.push({ what: values.beside, directory: '/acme/directory', server, ...nothing() })
}
let stalls = 0

async function connect({ what, server, directory }: Measured): Promise<void> {
  const ca = 'root' in server ? (server as RunningService).root : service.root
  await ask({ kind: 'connect', what, accounts, server: { port: server.port, ca, directory } })
  await ask({ kind: 'run', what, orders: Math.min(orders, 800) }) // warm
}

/** Under this load Debian's pebble has been seen to stop answering for good. */
async function measure(one: Measured): Promise<void> {
  const before = usage(one.server).cpu
  const { seconds, latencies, cpu, stalled } = await ask({ kind: 'run', what: one.what, orders })
  if (stalled) {
    if ('root' in one.server || ++stalls > rounds) throw new Error(`${one.what} stands still`)
    await one.server.stop()
    one.server = await startPebble(pemFile)
    await connect(one)
    return measure(one)
  }
  one.serverCpu += usage(one.server).cpu - before
  one.driverCpu += cpu
  one.seconds.push(seconds)
  one.latencies.push(...latencies)
}

try {
  for (const one of measured) await connect(one)
  for (let round = 0; round < rounds; round++) for (const one of measured) await measure(one)
  console.log(
    '| what | accounts | orders per second | p50 ms | p99 ms | server CPU ms each | driver CPU ms each | peak memory MB |',
  )
  console.log('|---|---:|---:|---:|---:|---:|---:|---:|')
  for (const one of measured) console.log(rowOf(one))
  if (stalls > 0) console.log(`\npebble stood still ${stalls} times, and was started anew.`)
} finally {
  driver.disconnect()
  await Promise.all(measured.map(({ server }) => server.stop()))
}

function rowOf({ what, server, seconds, latencies, serverCpu, driverCpu }: Measured): string {
  latencies.sort((one, other) => one - other)
  const quantile = (q: number) => latencies[Math.floor((latencies.length - 1) * q)]!
  const done = latencies.length
  // The median: others may use the machine in some of the rounds.
  const rate = seconds.map((one) => done / rounds / one).sort((one, other) => one - other)[
    Math.floor(rounds / 2)
  ]!
  const cells = [
    what,
    accounts,
    rate.toFixed(0),
    quantile(0.5).toFixed(1),
    quantile(0.99).toFixed(1),
    ((serverCpu * 1000) / done).toFixed(2),
    ((driverCpu * 1000) / done).toFixed(2),
    usage(server).peakMemory.toFixed(0),
  ]
  return `| ${cells.join(' | ')} |`
}
