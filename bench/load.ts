import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { quantile } from './rounds.ts'

export interface Target {
  readonly port: number
  /** PEM of the root to verify with; null for plain HTTP. */
  readonly ca: string | null
}

export interface Post {
  /** POST where nothing is said. */
  readonly method?: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

export interface Measured {
  readonly done: number
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Cores that this process kept busy. */
  readonly clientCores: number
  readonly bodies: readonly Buffer[]
}

/**
 * Sends every request, each connection one after the other, and waits for all answers. The client speaks just enough
 * HTTP/1.1 to leave the processor to the server. Throws on any status but `expected`.
 */
export async function drive(
  target: Target,
  requests: readonly Post[],
  connections: number,
  expected = 201,
): Promise<Measured> {
  const sockets = await Promise.all(Array.from({ length: connections }, () => open(target)))
  const latencies = new Float64Array(requests.length)
  const bodies: Buffer[] = new Array(requests.length)
  let next = 0
  const before = process.cpuUsage()
  const start = performance.now()
  await Promise.all(
    sockets.map(async (socket) => {
      const exchange = exchanger(socket)
      while (next < requests.length) {
        const at = next++
        const sent = performance.now()
        const { status, body } = await exchange(encodeRequest(requests[at]!))
        latencies[at] = performance.now() - sent
        if (status !== expected) throw new Error(`status ${status}: ${body}`)
        bodies[at] = body
      }
    }),
  )
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(before)
  for (const socket of sockets) socket.destroy()
  latencies.sort()
  return {
    done: requests.length,
    perSecond: requests.length / seconds,
    p50: quantile(latencies, 0.5),
    p99: quantile(latencies, 0.99),
    clientCores: (user + system) / 1e6 / seconds,
    bodies,
  }
}

export function encodeRequest({ method = 'POST', path, headers, body }: Post, host = 'localhost'): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  return Buffer.concat([
    Buffer.from(
      `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\n${lines.join('')}content-length: ${body.length}\r\n\r\n`,
    ),
    body,
  ])
}

export function open({ port, ca }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = ca
      ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => resolve(socket))
      : connectTcp({ port, host: '127.0.0.1' }, () => resolve(socket))
    socket.once('error', reject)
    socket.setNoDelay(true)
  })
}

export interface Answer {
  readonly status: number
  /** The status line and the header fields, as they came. */
  readonly head: string
  readonly body: Buffer
}

/** One exchange at a time over a connection that stays open. */
export function exchanger(socket: Socket) {
  let received: Buffer = Buffer.alloc(0)
  let waiting: {
    resolve(answer: Answer): void
    reject(error: Error): void
  } | null = null
  socket.on('data', (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    const end = received.indexOf('\r\n\r\n')
    if (end < 0) return
    const head = received.toString('latin1', 0, end)
    const body = bodyOf(head, received.subarray(end + 4))
    if (!body) return
    received = Buffer.alloc(0)
    waiting?.resolve({ status: Number(head.slice(9, 12)), head, body })
  })
  socket.on('close', () => waiting?.reject(new Error('the server closed the connection')))
  return (bytes: Buffer) =>
    new Promise<Answer>((resolve, reject) => {
      if (socket.destroyed) return reject(new Error('the server has closed the connection'))
      waiting = { resolve, reject }
      socket.write(bytes)
    })
}

/** Null where some of it is still to come. */
function bodyOf(head: string, rest: Buffer): Buffer | null {
  if (!/\r\ntransfer-encoding: chunked/i.test(head)) {
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(head)?.[1])
    return rest.length < length ? null : rest.subarray(0, length)
  }
  const chunks: Buffer[] = []
  for (let at = 0; ; ) {
    const line = rest.indexOf('\r\n', at)
    if (line < 0) return null
    const size = Number.parseInt(rest.toString('latin1', at, line), 16)
    at = line + 2 + size + 2
    if (rest.length < at) return null
    if (size === 0) return Buffer.concat(chunks)
    chunks.push(rest.subarray(line + 2, at - 2))
  }
}
