import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { subjectAltName } from '../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../src/pki/csr/encode.ts'
import { encodeName } from '../src/pki/distinguished-name.ts'
import { startDnsServer } from '../test/acme/validation/dns-server.ts'
import { type AcmeServer, BenchClient } from './acme-client.ts'

/** A process of its own: the parent sends `Order`s and gets an `Outcome` for each. */
export type Order =
  | {
      readonly kind: 'connect'
      readonly what: string
      readonly server: AcmeServer
      readonly accounts: number
    }
  | { readonly kind: 'run'; readonly what: string; readonly orders: number }

/** Milliseconds of each order; seconds of the whole run, and of this process's processor time. */
export interface Outcome {
  readonly seconds: number
  readonly latencies: readonly number[]
  readonly cpu: number
  /** No order was finished for `STALL`: the figures are of no use, and the server of none any more. */
  readonly stalled: boolean
}

/** Milliseconds. */
const STALL = 5000

/** Where names are proven: sent to the parent first. */
export interface Site {
  readonly httpPort: number
  readonly resolver: string
}

const clients = new Map<string, { client: BenchClient; name: string }[]>()
const answers = new Map<string, string>()
const nameOf = (index: number) => `host-${index}.bench.example.test`

async function connect({ what, server, accounts }: Extract<Order, { kind: 'connect' }>): Promise<Outcome> {
  const connected = Array.from({ length: accounts }, async (_, index) => {
    const name = nameOf(index)
    return { name, client: await BenchClient.create(server, answers, name) }
  })
  clients.set(what, await Promise.all(connected))
  return { seconds: 0, latencies: [], cpu: 0, stalled: false }
}

/** Each account one order after the other; the CSRs are there before the time counts. */
async function run({ what, orders }: Extract<Order, { kind: 'run' }>): Promise<Outcome> {
  const accounts = clients.get(what)!
  const csrs = accounts.map(({ name }) =>
    Array.from({ length: Math.ceil(orders / accounts.length) }, () => newCsr(name)),
  )
  await Promise.all(accounts.map(({ client }) => client.open()))
  const latencies: number[] = []
  const before = process.cpuUsage()
  const start = performance.now()
  const whole = Promise.all(
    accounts.map(async ({ client, name }, index) => {
      for (const csr of csrs[index]!) {
        const sent = performance.now()
        await client.obtain(name, csr)
        latencies.push(performance.now() - sent)
      }
    }),
  )
  const stalled = await Promise.race([whole.then(() => false), standstill(() => latencies.length)])
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  for (const { client } of accounts) client.close()
  return { seconds, latencies, cpu: (user + system) / 1e6, stalled }
}

/** Resolves once `done` has not risen for a while. */
async function standstill(done: () => number): Promise<true> {
  for (let before = -1; done() > before; ) {
    before = done()
    await pause(STALL, undefined, { ref: false })
  }
  return true
}

function newCsr(name: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const extensions = [subjectAltName([{ type: 'dns', value: name }], false)]
  return encodeCsr({ key: privateKey, subject: encodeName([]), extensions }).toString('base64url')
}

const web = createServer(({ url = '' }, response) => {
  response.end(answers.get(url.slice(url.lastIndexOf('/') + 1)))
})
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
const zone = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [nameOf(i), { A: ['127.0.0.1'] }]))
const dns = await startDnsServer(zone)
process.on('message', (order: Order) => {
  const done = order.kind === 'connect' ? connect(order) : run(order)
  done.then(
    (outcome) => process.send!(outcome),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on('disconnect', () => process.exit())
process.send!({ httpPort: (web.address() as AddressInfo).port, resolver: dns.address } satisfies Site)
