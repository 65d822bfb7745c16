import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { subjectAltName } from '../../src/pki/certificate/extensions.ts'
import { encodeCsr } from '../../src/pki/csr/encode.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { addRevoked } from '../generate/revoked.ts'
import { drive, encodeRequest, exchanger, open, type Post, type Target } from '../load.ts'
import { goCrl, opensslCrl } from '../peers/crls.ts'
import { type RunningService, startService, usage } from '../processes.ts'
import { measure as measureRound, median, type Round, rateCells } from '../rounds.ts'
import type { Section } from '../section.ts'
import { unlessMissing } from '../tools.ts'

export interface CrlQuestion {
  /** How many certificates are revoked, for each row. */
  readonly entries: readonly number[]
  /** Certificates issued in each round, with revocations beside them and without. */
  readonly issued: number
  /** For profiles and comparisons. */
  readonly flags?: readonly string[]
  readonly checkout?: string
}

interface Outcome {
  readonly entries: number
  /** Milliseconds from asking for the revocation to the new full CRL being served; the median. */
  readonly rebuild: number
  /** MB above what the service held before the rebuilds. */
  readonly memory: number
  /** Milliseconds of a revocation whose delta alone is made at once; the median. */
  readonly delta: number
  /** Issuance alone, and with revocations beside it. */
  readonly without: readonly Round[]
  readonly beside: readonly Round[]
  /** How many full CRLs were made beside the issuance, and for how many revocations. */
  readonly rebuilds: number
  readonly revocations: number
}

const PEERS = [
  ['Go crypto/x509', goCrl],
  ['openssl ca -gencrl', opensslCrl],
] as const

const CONNECTIONS = 32
const REBUILDS = 9
/** Issued before the time counts: later ones meet a service that has run for some seconds. */
const WARM = 5000
const ROUNDS = 3
/** Of the certificates issued in the rounds, more than can be revoked one after the other meanwhile. */
const REVOCABLE = 0.1

/** How long a full CRL takes, and what it costs whoever is issued a certificate meanwhile. */
export async function crlSection(question: CrlQuestion): Promise<Section> {
  const outcomes: Outcome[] = []
  const others: (string | number)[][] = []
  for (const entries of question.entries) {
    for (const [what, make] of PEERS) {
      const made = await unlessMissing(make(entries))
      const figures =
        typeof made === 'string' ? [made] : [made.milliseconds.toFixed(0), made.memory.toFixed(0)]
      others.push([what, entries, ...figures])
    }
    outcomes.push(await measure(entries, question))
  }
  return {
    title: 'Full CRLs of many entries',
    text: [
      `A revocation, and how long until the full CRL that lists it is served: the median of ${REBUILDS}, one at a time. Then, once ${WARM} certificates were issued, issuance over REST and TLS at ${CONNECTIONS} connections with one revocation after the other beside it, over a connection of its own, each asked for when the one before was answered; and the same without them, in turns: medians of ${ROUNDS} rounds.`,
      'Go’s crypto/x509, with which step-ca, cfssl and OpenBao sign CRLs: from the entries in memory to the DER, once. `openssl ca -gencrl`: the whole command, from its index to the PEM. Of both the memory is all that the process held.',
    ],
    head: [
      ...[
        'by',
        'entries',
        'full CRL, ms',
        'more memory, MB',
        'delta, ms',
        'certificates/s',
        'p99, ms',
        'CPU each, ms',
      ],
      ...[
        'full CRLs beside',
        'revocations beside',
        'certificates/s beside',
        'p99 beside, ms',
        'CPU each beside, ms',
      ],
    ],
    rows: [
      ...outcomes.map(({ entries, rebuild, memory, delta, without, beside, rebuilds, revocations }) => [
        ...['Chancery', entries, rebuild.toFixed(0), memory.toFixed(0), delta.toFixed(1)],
        ...[...cellsOf(without), rebuilds, revocations, ...cellsOf(beside)],
      ]),
      ...others,
    ],
  }
}

async function measure(entries: number, { issued, flags, checkout }: CrlQuestion): Promise<Outcome> {
  const directory = await withRevoked(entries, checkout)
  let service = await startService(flags, {}, checkout, directory)
  const names = await revocable(service, issued * ROUNDS * REVOCABLE)
  const held = memory(service)
  const times: number[] = []
  for (let i = 0; i < REBUILDS; i++) {
    times.push(await timeRebuild(service, names.pop()!))
    await pause(1000)
  }
  const more = usage(service).peakMemory - held
  await drive(targetOf(service), enrolments(service, WARM), CONNECTIONS)
  const [without, beside]: [Round[], Round[]] = [[], []]
  let [rebuilds, revocations] = [0, 0]
  for (let round = 0; round < ROUNDS; round++) {
    without.push(await timeIssuance(service, issued))
    const stop = await revokeOn(service, names)
    beside.push(await timeIssuance(service, issued))
    const made = await stop()
    rebuilds += made.crls
    revocations += made.revocations
  }
  await halt(service)
  // The same CA, which leaves the full CRLs to their schedule from now on.
  const onDeltas = { publicUrl: 'http://127.0.0.1', crl: { delta: true, onRevocation: 'delta' } }
  service = await startService(flags, onDeltas, checkout, directory)
  const deltas: number[] = []
  try {
    for (let i = 0; i < REBUILDS; i++) {
      const start = performance.now()
      await revoke(service, names.pop()!)
      deltas.push(performance.now() - start)
    }
  } finally {
    await service.stop()
    await rm(directory, { recursive: true, force: true })
  }
  const [rebuild, deltaTime] = [median(times), median(deltas)]
  return { entries, rebuild, memory: more, delta: deltaTime, without, beside, rebuilds, revocations }
}

function cellsOf(rounds: readonly Round[]): string[] {
  const [perSecond, , p99, cpu] = rateCells(rounds)
  return [perSecond!, p99!, cpu!]
}

async function withRevoked(entries: number, checkout?: string): Promise<string> {
  const service = await startService([], {}, checkout)
  await drive(targetOf(service), enrolments(service, 1), 1)
  await halt(service)
  addRevoked(join(service.directory, 'chancery.db'), entries)
  return service.directory
}

async function halt(service: RunningService): Promise<void> {
  service.process.kill('SIGTERM')
  await once(service.process, 'exit')
}

function targetOf({ port, root }: RunningService): Target {
  return { port, ca: root }
}

let named = 0

function enrolments(service: RunningService, many: number): Post[] {
  const headers = { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/pkcs10' }
  return Array.from({ length: many }, () => {
    const name = `host-${String(++named).padStart(8, '0')}.bench.example.test`
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const extensions = [subjectAltName([{ type: 'dns', value: name }], false)]
    return {
      ...{ path: '/v1/certificates', headers },
      body: encodeCsr({ key: privateKey, subject: encodeName([{ type: 'CN', value: name }]), extensions }),
    }
  })
}

async function revocable(service: RunningService, many: number): Promise<string[]> {
  const { bodies } = await drive(targetOf(service), enrolments(service, many), 8)
  return bodies.map((body) => (JSON.parse(body.toString()) as { serialNumber: string }).serialNumber)
}

function revocation(service: RunningService, serialNumber: string): Post {
  return {
    path: `/v1/certificates/${serialNumber}/revoke`,
    headers: { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/json' },
    body: Buffer.from('{"reason":"superseded"}'),
  }
}

async function revoke(service: RunningService, serialNumber: string): Promise<void> {
  await drive(targetOf(service), [revocation(service, serialNumber)], 1, 200)
}

/** Milliseconds until the full CRL is another. */
async function timeRebuild(service: RunningService, serialNumber: string): Promise<number> {
  const before = await etag(service)
  const start = performance.now()
  await revoke(service, serialNumber)
  while ((await etag(service)) === before) await pause(5)
  return performance.now() - start
}

function etag({ httpPort }: RunningService): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const asked = request(
      { port: httpPort, host: '127.0.0.1', path: '/crl/intermediate.crl', method: 'HEAD' },
      (answer) => {
        answer.resume()
        resolve(answer.headers.etag)
      },
    )
    asked.once('error', reject)
    asked.end()
  })
}

/** Revokes one after the other until the function that it returns is called, which tells how many CRLs came of how many. */
async function revokeOn(service: RunningService, names: string[]) {
  const socket = await open(targetOf(service))
  const exchange = exchanger(socket)
  const tags = new Set<string | undefined>()
  let [going, revocations] = [true, 0]
  const work = (async () => {
    while (going) {
      const { status, body } = await exchange(encodeRequest(revocation(service, names.pop()!)))
      if (status !== 200) throw new Error(`status ${status}: ${body}`)
      revocations++
      tags.add(await etag(service))
    }
  })()
  // The function below tells of it.
  work.catch(() => {})
  return async () => {
    going = false
    await work
    socket.destroy()
    return { crls: tags.size, revocations }
  }
}

function timeIssuance(service: RunningService, many: number): Promise<Round> {
  const posts = enrolments(service, many)
  return measureRound(service, () => drive(targetOf(service), posts, CONNECTIONS))
}

/** MB that the process holds now. */
function memory({ process: { pid } }: RunningService): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1024
}
