import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeRequest, type Post } from '../load.ts'
import { answersTo, asGet, asPost, requestsOfNew } from '../ocsp-requests.ts'
import type { Options } from '../options.ts'
import { startBare } from '../peers/bare.ts'
import { startOcspserve } from '../peers/cfssl.ts'
import { startNginx } from '../peers/nginx.ts'
import { type Running, type RunningService, startService, usage } from '../processes.ts'
import { measure, RATE_HEAD, type Round, rateCells } from '../rounds.ts'
import type { Section } from '../section.ts'
import { unlessMissing } from '../tools.ts'
import { driveWrk } from '../wrk.ts'

const CERTIFICATES = 1000
const CONNECTIONS = 32
/** Threads that serve the plain listener, where it has some. */
const WORKERS = 2
const HEAD = ['server', 'method', ...RATE_HEAD, 'peak memory MB']

const TEXT = [
  `The status of one of ${CERTIFICATES} certificates at a time, asked by \`wrk\` (one thread, ${CONNECTIONS} connections that stay open). Each response was asked for before the time counts, so that it is signed and cached. The servers take turns; medians of the rounds.`,
  'cfssl ocspserve has the very same responses, from a file, in memory. The bare servers have one of them and give it to everybody, whatever is asked: nginx from a file, with a worker on each core, and for GET only. How near the client came to its own limit is seen beside the fastest.',
]

interface Contender {
  readonly what: string
  readonly running: Running
  /** By method. */
  readonly requests: Readonly<Record<string, readonly Buffer[]>>
  readonly rounds: Record<string, Round[]>
}

/** OCSP responses per second that were signed before. */
export async function ocsp(options: Options): Promise<Section> {
  const directory = await mkdtemp(join(tmpdir(), 'chancery-bench-ocsp-'))
  const contenders: Contender[] = []
  const missing: string[][] = []
  const script = join(directory, 'requests.lua')
  const round = async ({ running, requests, rounds }: Contender, method: string, seconds: number) => {
    const load = { port: running.port, requests: requests[method]!, script }
    const done = await measure(running, () => driveWrk(load, { connections: CONNECTIONS, seconds }))
    rounds[method] = [...(rounds[method] ?? []), done]
  }
  try {
    for await (const [what, contender] of startAll(directory, options)) {
      if (typeof contender === 'string') missing.push([what, '', contender])
      else contenders.push(contender)
    }
    for (let turn = 0; turn < options.rounds; turn++) {
      for (const method of ['GET', 'POST']) {
        for (const one of contenders) if (one.requests[method]) await round(one, method, options.seconds)
      }
    }
    const rows = contenders.flatMap(({ what, running, rounds }) =>
      Object.entries(rounds).map(([method, measured]) => [
        ...[what, method, ...rateCells(measured, 3)],
        usage(running).peakMemory.toFixed(0),
      ]),
    )
    return { title: 'OCSP', text: TEXT, head: HEAD, rows: [...rows, ...missing] }
  } finally {
    for (const { running } of contenders) await running.stop()
    await rm(directory, { recursive: true, force: true })
  }
}

/** Every server, ready to answer, or why it is missing. The others have their responses from the first. */
async function* startAll(
  directory: string,
  { profiles, beside }: Options,
): AsyncGenerator<[string, Contender | string]> {
  const flags = profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`]
  const chancery = await startChancery('Chancery', await startService(flags))
  yield ['Chancery', chancery.contender]
  const spread = `Chancery, workers: ${WORKERS}`
  yield [spread, (await startChancery(spread, await startService(flags, { workers: WORKERS }))).contender]
  if (beside !== undefined) {
    const other = await startChancery(beside, await startService([], {}, beside))
    yield [beside, other.contender]
  }
  const { asked, responses } = chancery
  const GET = asked.map((request) => asGet(request, '/'))
  const POST = asked.map((request) => asPost(request, '/'))
  const [one, list] = [join(directory, 'response'), join(directory, 'responses')]
  await writeFile(one, responses[0]!)
  await writeFile(list, responses.map((response) => response.toString('base64')).join('\n'))
  const others: [string, () => Promise<Running>, Record<string, Post[]>][] = [
    ['bare node:http, one response for all', () => startBare('--constant', one), { GET, POST }],
    ['cfssl ocspserve', () => startOcspserve(list), { GET, POST }],
    ['nginx, a static file', () => startNginx(responses[0]!), { GET }],
  ]
  for (const [what, start, posts] of others) {
    const running = await unlessMissing(start())
    if (typeof running === 'string') yield [what, running]
    else yield [what, contender(what, running, posts)]
    if (typeof running !== 'string') {
      for (const each of Object.values(posts)) await answersTo(running.port, each)
    }
  }
}

/** With certificates of its own, all of which it was asked about. */
async function startChancery(what: string, service: RunningService) {
  const asked = (await requestsOfNew(service, CERTIFICATES)).filter(isServedByCfssl)
  // The hash of the issuer's key stands in each: of a hundred keys one has them.
  if (asked.length === 0)
    throw new Error('The issuer is one of which cfssl redirects each request; start again.')
  const GET = asked.map((request) => asGet(request, '/ocsp/'))
  const POST = asked.map((request) => asPost(request, '/ocsp'))
  const running = { ...service, port: service.httpPort }
  await answersTo(running.port, GET)
  return {
    asked,
    responses: await answersTo(running.port, POST),
    contender: contender(what, running, { GET, POST }),
  }
}

/** One with two slashes in a row in base64 it redirects to an address with one. */
function isServedByCfssl(request: Buffer): boolean {
  return !request.toString('base64').includes('//')
}

function contender(
  what: string,
  running: Running,
  posts: Readonly<Record<string, readonly Post[]>>,
): Contender {
  const encoded = Object.entries(posts).map(([method, those]) => [
    method,
    those.map((one) => encodeRequest(one)),
  ])
  return { what, running, requests: Object.fromEntries(encoded), rounds: {} }
}
