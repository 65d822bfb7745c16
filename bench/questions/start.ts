import { setTimeout as pause } from 'node:timers/promises'
import { drive } from '../load.ts'
import type { Options } from '../options.ts'
import { cfsslUnrecorded } from '../peers/cfssl.ts'
import { chanceryIssuer } from '../peers/chancery.ts'
import { discard, type Issuer, newCsrs, type PreparedIssuer, type RunningIssuer } from '../peers/issuer.ts'
import { stepCa } from '../peers/step-ca.ts'
import { usage } from '../processes.ts'
import { median } from '../rounds.ts'
import type { Section } from '../section.ts'
import { unlessMissing } from '../tools.ts'

/** First starts, and later ones, of which the median is shown. */
const STARTS = 5
/** Milliseconds until a server counts as idle. */
const IDLE = 3000
const CONNECTIONS = 32
/** CSRs that are made at once: those of a long run would fill the client's memory. */
const BATCH = 2000

const TEXT = [
  'From the start of the process until it takes connections, on a database without certificates: the first time, when Chancery also makes its hierarchy (the others are given theirs) and databases are created, and later ones. Milliseconds; medians of five each.',
  `Then memory that is resident: after ${IDLE / 1000} s of idleness, and while certificates are issued at ${CONNECTIONS} connections as in the table of issuance, at the end of each half, and the most at any time. \`--issued\` says how many; \`--long\` means 500,000.`,
]

/** How long a start takes, and memory. */
export async function start({ issued, profiles, beside }: Options): Promise<Section> {
  const issuers: Issuer[] = [
    chanceryIssuer({ profiles }),
    ...(beside === undefined ? [] : [chanceryIssuer({ what: beside, checkout: beside })]),
    ...[stepCa, cfsslUnrecorded],
  ]
  const rows: string[][] = []
  for (const issuer of issuers) {
    const prepared = await unlessMissing(issuer.prepare())
    if (typeof prepared === 'string') {
      rows.push([issuer.what, prepared])
      continue
    }
    try {
      const figures = [median(await firstStarts(issuer)), ...(await watch(prepared, issued))]
      rows.push([issuer.what, ...figures.map((figure) => figure.toFixed(0))])
    } finally {
      await discard(prepared)
    }
  }
  const memory = ['idle MB', `after ${issued / 2} MB`, `after ${issued} MB`, 'peak MB']
  return {
    title: 'Start and memory',
    text: TEXT,
    head: ['server', 'first start', 'later start', ...memory],
    rows,
  }
}

async function firstStarts(issuer: Issuer): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) {
    const prepared = await issuer.prepare()
    try {
      times.push(...(await starts(prepared, 1)))
    } finally {
      await discard(prepared)
    }
  }
  return times
}

async function starts(prepared: PreparedIssuer, count: number): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < count; i++) {
    const [took, started] = await timed(prepared)
    times.push(took)
    await started.stop()
  }
  return times
}

/** Later starts, and memory. */
async function watch(prepared: PreparedIssuer, issued: number): Promise<number[]> {
  const [, ...later] = await starts(prepared, STARTS)
  const [last, kept] = await timed(prepared)
  try {
    await pause(IDLE)
    const idle = usage(kept).memory
    await issue(kept, issued / 2)
    const half = usage(kept).memory
    await issue(kept, issued / 2)
    const { memory, peakMemory } = usage(kept)
    return [median([...later, last]), idle, half, memory, peakMemory]
  } finally {
    await kept.stop()
  }
}

async function timed(prepared: PreparedIssuer): Promise<[number, RunningIssuer]> {
  const start = performance.now()
  const server = await prepared.launch()
  return [performance.now() - start, server]
}

async function issue(server: RunningIssuer, many: number): Promise<void> {
  for (let done = 0; done < many; done += BATCH) {
    const requests = await server.requests(newCsrs(Math.min(BATCH, many - done)))
    await drive(server.target, requests, CONNECTIONS, server.status)
  }
}
