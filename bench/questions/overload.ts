import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { drive, encodeRequest, exchanger, open, type Post, type Target } from '../load.ts'
import { asGet, requestsOfNew } from '../ocsp-requests.ts'
import type { Offer, Outcome } from '../open-loop.ts'
import type { Options } from '../options.ts'
import { newCsrs } from '../peers/issuer.ts'
import { type RunningService, startService, usage } from '../processes.ts'
import { median, quantile } from '../rounds.ts'
import type { Section } from '../section.ts'

/** At which the service gives what it can. */
const CONNECTIONS = 32
const TIMES = 10
/** More than may wait, so that many are refused. */
const FLOOD_CONNECTIONS = 3000
const FLOOD_SECONDS = 15
/** Certificates of one look at the speed. */
const LOOK = 300
/** Of the speed before, at which it counts as full again: one look differs from the next by as much. */
const FULL = 0.9
/** Nobody would wait for longer. Seconds. */
const LONGEST_RECOVERY = 60

const TEXT = [
  `First, what the service can do: certificates with an administrator’s key over REST and TLS at ${CONNECTIONS} connections, the median of some looks. Then ${TIMES} times as many requests a second are due for ${FLOOD_SECONDS} s, whatever becomes of those before, over ${FLOOD_CONNECTIONS} connections of another process; times count from the moment at which each was due. What finds no connection free is not sent. Meanwhile relying parties ask for OCSP and the CRL, one after the other.`,
  `Speed is full again at ${FULL * 100} % of what it was; seconds count from the end of the flood to the end of the first look (${LOOK} certificates) that reaches it.`,
]

/** Ten times what can be served. */
export async function overload({ profiles }: Options): Promise<Section> {
  const flags = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  const service = await startService(flags)
  try {
    return { title: 'Overload', text: TEXT, head: ['', 'figure'], rows: await measure(service) }
  } finally {
    await service.stop()
  }
}

async function measure(service: RunningService): Promise<[string, string][]> {
  const target = { port: service.port, ca: service.root }
  const requests = enrolments(service)
  const asked = (await requestsOfNew(service, 50)).map((request) => asGet(request, '/ocsp/'))
  const speed = async () => (await drive(target, requests, CONNECTIONS)).perSecond
  for (let i = 0; i < 5; i++) await speed()
  const speeds: number[] = []
  for (let i = 0; i < 5; i++) speeds.push(await speed())
  const full = median(speeds)
  const held = residentMemory(service)

  const parties = relyingParties(service, asked)
  const flood = await offer({
    ...{ target, perSecond: Math.round(full * TIMES), seconds: FLOOD_SECONDS, isFresh: false },
    connections: FLOOD_CONNECTIONS,
    requests: requests.map(({ body, ...rest }) => ({ ...rest, body: body.toString('base64') })),
  })
  const recovery = await secondsUntil(speed, full)
  const { ocsp, crl } = await parties.stop()

  const [served = 0, refused = 0] = [flood.statuses[201], flood.statuses[503]]
  const others = Object.entries(flood.statuses).filter(([status]) => status !== '201' && status !== '503')
  const ms = (value: number) => `${value.toFixed(0)} ms`
  return [
    ['before: certificates a second', full.toFixed(0)],
    ['due a second', (flood.due / FLOOD_SECONDS).toFixed(0)],
    ['sent a second', (flood.sent / FLOOD_SECONDS).toFixed(0)],
    ['issued a second', (served / FLOOD_SECONDS).toFixed(0)],
    ['issued: p50, p99, longest', [flood.p50, flood.p99, flood.longest].map(ms).join(', ')],
    ['refused with 503, of what was sent', `${((refused / flood.sent) * 100).toFixed(0)} %`],
    ['503 without Retry-After', String(flood.refusedWithoutRetryAfter)],
    ['refused: p99', ms(flood.refusedP99)],
    ['other outcomes', others.map(([status, count]) => `${status}: ${count}`).join(', ') || 'none'],
    ['OCSP meanwhile: answers, p50, p99', times(ocsp)],
    ['CRL meanwhile: answers, p50, p99', times(crl)],
    ['memory before, peak', `${held.toFixed(0)} MB, ${usage(service).peakMemory.toFixed(0)} MB`],
    [
      'full speed again after',
      recovery === null ? `not in ${LONGEST_RECOVERY} s` : `${recovery.toFixed(1)} s`,
    ],
  ]
}

function enrolments({ adminKey }: RunningService): Post[] {
  const headers = { authorization: `Bearer ${adminKey}`, 'content-type': 'application/pkcs10' }
  return newCsrs(LOOK).map(({ der }) => ({ path: '/v1/certificates', headers, body: der }))
}

/** By a process of its own: this one measures what others see of it. */
async function offer(wanted: Offer): Promise<Outcome> {
  const child = fork(fileURLToPath(new URL('../open-loop.ts', import.meta.url)), { execArgv: [] })
  try {
    child.send(wanted)
    const [outcome] = (await once(child, 'message')) as [Outcome]
    return outcome
  } finally {
    child.kill()
  }
}

/** Null where it was not reached in time. */
async function secondsUntil(speed: () => Promise<number>, full: number): Promise<number | null> {
  const start = performance.now()
  for (;;) {
    const reached = await speed().catch(() => 0)
    const seconds = (performance.now() - start) / 1000
    if (reached >= full * FULL) return seconds
    if (seconds > LONGEST_RECOVERY) return null
  }
}

/** Ask for OCSP and the CRL until they are stopped. Milliseconds. */
function relyingParties(service: RunningService, asked: readonly Post[]) {
  const target: Target = { port: service.httpPort, ca: null }
  const crlPost = { method: 'GET', path: '/crl/intermediate.crl', headers: {}, body: Buffer.alloc(0) }
  let going = true
  const ask = async (requests: readonly Post[], rest: number) => {
    const waits: number[] = []
    const socket = await open(target)
    const exchange = exchanger(socket)
    for (let n = 0; going; n++) {
      const start = performance.now()
      const { status } = await exchange(encodeRequest(requests[n % requests.length]!))
      if (status !== 200) throw new Error(`${requests[n % requests.length]!.path}: ${status}`)
      waits.push(performance.now() - start)
      await pause(rest)
    }
    socket.destroy()
    return waits
  }
  const both = Promise.all([ask(asked, 20), ask([crlPost], 100)])
  return {
    async stop() {
      going = false
      const [ocsp, crl] = await both
      return { ocsp, crl }
    },
  }
}

function times(values: readonly number[]): string {
  const sorted = values.toSorted((one, other) => one - other)
  return [values.length, ...[0.5, 0.99].map((q) => `${quantile(sorted, q).toFixed(0)} ms`)].join(', ')
}

/** MB. */
function residentMemory({ process: { pid } }: RunningService): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
