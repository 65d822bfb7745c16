import { execFile } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { stapleRequest } from '../../src/ocsp/staple.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { encodeCsr } from '../../src/pki/csr/encode.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { drive } from '../load.ts'
import { startNginx } from '../nginx.ts'
import { type Running, type RunningService, startService } from '../processes.ts'
import type { Section } from '../section.ts'

const run = promisify(execFile)

export interface OcspWorkersOptions {
  /** How often each server has its turn, and for how many whole seconds. */
  readonly rounds?: number
  readonly seconds?: number
  readonly connections?: number
}

interface Server {
  readonly name: string
  readonly running: Running
  readonly url: string
  readonly rates: number[]
  /** Milliseconds a request. */
  readonly costs: number[]
}

const WORKERS = [0, 1, 2]
const NGINX_WORKERS = 2

/**
 * Cached OCSP answers by GET: the service with its plain listener in the main thread and in workers, beside nginx that sends
 * a file of the same octets. All are up at once, have their turns in every round, and are asked by wrk, one certificate all
 * the time.
 */
export async function ocspWorkers({
  rounds = 7,
  seconds = 2,
  connections = 64,
}: OcspWorkersOptions = {}): Promise<Section> {
  const stops: (() => Promise<void>)[] = []
  try {
    const servers: Server[] = []
    let answer = Buffer.alloc(0)
    for (const workers of WORKERS) {
      const running = await startService([], { workers })
      stops.push(() => running.stop())
      const url = await cachedUrl(running)
      answer = Buffer.from(await (await fetch(url)).arrayBuffer())
      servers.push({ name: `Chancery, workers: ${workers}`, running, url, rates: [], costs: [] })
    }
    const nginx = await startNginx(answer, 'application/ocsp-response', NGINX_WORKERS)
    stops.push(() => nginx.stop())
    const url = `http://127.0.0.1:${nginx.port}${new URL(servers[0]!.url).pathname}`
    servers.push({
      name: `nginx, a file, ${NGINX_WORKERS} processes`,
      running: nginx,
      url,
      rates: [],
      costs: [],
    })
    // The first round warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const server of servers) await turn(server, seconds, connections, round > 0)
    }
    const best = median(servers.at(-1)!.rates)
    return {
      title: 'OCSP over several cores',
      text: [
        `Cached answers of ${answer.length} octets by GET over ${connections} connections that stay open, asked for by wrk with one thread, which has the same cores as the servers. Medians of ${rounds} rounds of ${seconds} s, in which all have their turns.`,
      ],
      head: ['server', 'per second', 'of nginx', 'server CPU ms each'],
      rows: servers.map(({ name, rates, costs }) => [
        name,
        Math.round(median(rates)),
        `${Math.round((median(rates) / best) * 100)} %`,
        median(costs).toFixed(4),
      ]),
    }
  } finally {
    for (const stop of stops) await stop()
  }
}

async function turn(server: Server, seconds: number, connections: number, counts: boolean): Promise<void> {
  const before = processorTime(server.running)
  const { stdout } = await run('wrk', ['-t1', `-c${connections}`, `-d${seconds}s`, server.url])
  const spent = processorTime(server.running) - before
  const requests = Number(/(\d+) requests in/.exec(stdout)?.[1])
  const rate = Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1])
  if (!(requests > 0) || /Non-2xx|Socket errors/.test(stdout)) throw new Error(`${server.name}: ${stdout}`)
  if (!counts) return
  server.rates.push(rate)
  server.costs.push((spent * 1000) / requests)
}

/** Seconds so far, of the process and its children. */
function processorTime({ process: { pid } }: Running): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean)
  return [String(pid), ...children]
    .map((one) => readFileSync(`/proc/${one}/stat`, 'utf8').split(') ')[1]!.split(' '))
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) / 100, 0)
}

/** Of the OCSP answer about a new certificate, asked for twice, so that it is held by then. */
async function cachedUrl(service: RunningService): Promise<string> {
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const body = encodeCsr({
    key,
    subject: encodeName([{ type: 'CN', value: 'web.bench.example.test' }]),
    extensions: [],
  })
  const headers = { authorization: `Bearer ${service.adminKey}`, 'content-type': 'application/pkcs10' }
  const post = { path: '/v1/certificates', headers, body }
  const { bodies } = await drive({ port: service.port, ca: service.root }, [post], 1)
  const { serialNumber } = JSON.parse(bodies[0]!.toString()) as { serialNumber: string }
  const base = `http://127.0.0.1:${service.httpPort}`
  const issuer = Buffer.from(await (await fetch(`${base}/ca/intermediate.crt`)).arrayBuffer())
  const request = stapleRequest({ certificate: parseCertificate(issuer) }, serialNumber)
  const url = `${base}/ocsp/${encodeURIComponent(request.toString('base64'))}`
  for (const _ of [1, 2]) await (await fetch(url)).arrayBuffer()
  return url
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
