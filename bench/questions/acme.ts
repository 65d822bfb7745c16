import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Driver, startDriver } from '../acme-driving.ts'
import type { Options } from '../options.ts'
import { makeIdentity } from '../peers/hierarchy.ts'
import { discard } from '../peers/issuer.ts'
import { startPebble } from '../peers/pebble.ts'
import { prepareStepCa } from '../peers/step-ca.ts'
import { type Running, startService, usage } from '../processes.ts'
import { measure, quantile, RATE_HEAD, type Round, rateCells } from '../rounds.ts'
import type { Section } from '../section.ts'
import { unlessMissing } from '../tools.ts'

const TEXT = [
  'Whole orders over TLS: new order, its authorization looked at, finalize, download, by accounts that each do one after the other; ES256, a P-256 CSR each, made before the time counts. The servers take turns; medians of the rounds.',
  'Chancery is durable as it ships: no state of an order is answered before it is synced. pebble is a CA for tests that keeps everything in memory. Both reuse an authorization that is still valid. step-ca (badger) never does, so that each order proves its name by http-01 at a server in the client’s process: beside it stands Chancery with `acme.reuseAuthorizations: false`, which then does the same.',
]

interface AcmePeer {
  readonly what: string
  /** Path of the directory. */
  readonly directory: string
  start(): Promise<{ running: Running; ca: string }>
}

interface Contender extends AcmePeer {
  running: Running
  ca: string
  readonly rounds: Round[]
  stalls: number
}

/** ACME orders per second. */
export async function acme(options: Options): Promise<Section> {
  const driver = await startDriver()
  const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-acme-'))
  const contenders: Contender[] = []
  const missing: string[][] = []
  try {
    for (const peer of peers(driver, options, directory)) {
      const started = await unlessMissing(peer.start())
      if (typeof started === 'string') missing.push([peer.what, started])
      else contenders.push({ ...peer, ...started, rounds: [], stalls: 0 })
    }
    for (const one of contenders) await connect(driver, one, options)
    for (let round = 0; round < options.rounds; round++) {
      for (const one of contenders) await ask(driver, one, options)
    }
    const rows = contenders.map(({ what, rounds, running }) => [
      what,
      ...rateCells(rounds),
      usage(running).peakMemory.toFixed(0),
    ])
    const stalled = contenders
      .filter(({ stalls }) => stalls > 0)
      .map(
        ({ what, stalls }) =>
          `${what} stood still ${stalls} times, was started anew, and its round repeated.`,
      )
    return {
      title: 'ACME',
      text: [...TEXT, ...stalled],
      head: [`server, ${options.accounts} accounts`, ...RATE_HEAD, 'peak memory MB'],
      rows: [...rows, ...missing],
    }
  } finally {
    driver.stop()
    for (const { running } of contenders) await running.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

function peers({ site }: Driver, { beside, profiles }: Options, directory: string): AcmePeer[] {
  const flags = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  const validation = { httpPort: site.httpPort, resolvers: [site.resolver] }
  const chancery = (what: string, acme: object = {}, checkout?: string): AcmePeer => ({
    ...{ what, directory: '/acme/directory' },
    async start() {
      const running = await startService(flags, { acme: { validation, ...acme } }, checkout)
      return { running, ca: running.root }
    },
  })
  return [
    chancery('Chancery'),
    ...(beside === undefined ? [] : [chancery(beside, {}, beside)]),
    {
      ...{ what: 'pebble, in memory', directory: '/dir' },
      async start() {
        const { pemFile, ca } = await makeIdentity(directory)
        return { running: await startPebble(pemFile), ca }
      },
    },
    chancery('Chancery, each order proves its name', { reuseAuthorizations: false }),
    {
      ...{ what: 'step-ca, badger, each order proves its name', directory: '/acme/acme/directory' },
      async start() {
        const port = ['--insecure', '--acme-http-port', String(site.httpPort)]
        const prepared = await prepareStepCa([...port, '--resolver', site.resolver])
        const running = await prepared.launch()
        const stop = () => running.stop().then(() => discard(prepared))
        return { running: { ...running, stop }, ca: running.target.ca }
      },
    },
  ]
}

async function connect({ ask }: Driver, one: Contender, { accounts, orders }: Options): Promise<void> {
  const { what, ca, directory, running } = one
  await ask({ kind: 'connect', what, accounts, server: { port: running.port, ca, directory } })
  await ask({ kind: 'run', what, orders: Math.min(orders, 400) }) // warm
}

/** Under this load Debian's pebble has been seen to stop answering for good. */
async function ask(driver: Driver, one: Contender, options: Options): Promise<void> {
  let isStalled = false
  const round = await measure(one.running, async () => {
    const { seconds, latencies, cpu, stalled } = await driver.ask({
      kind: 'run',
      ...{ what: one.what, orders: options.orders },
    })
    isStalled = stalled
    const sorted = latencies.toSorted((a, b) => a - b)
    return {
      ...{ done: sorted.length, perSecond: sorted.length / seconds, clientCores: cpu / seconds },
      ...{ p50: quantile(sorted, 0.5), p99: quantile(sorted, 0.99) },
    }
  })
  if (!isStalled) {
    one.rounds.push(round)
    return
  }
  if (++one.stalls > options.rounds) throw new Error(`${one.what} stands still`)
  await one.running.stop()
  Object.assign(one, await one.start())
  await connect(driver, one, options)
  await ask(driver, one, options)
}
