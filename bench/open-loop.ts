import type { Socket } from 'node:net'
import { connect as connectTcp } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { encodeRequest, exchanger, type Post, type Target } from './load.ts'

/** What is to be sent, whatever becomes of what was sent before. */
export interface Offer {
  readonly target: Target
  readonly perSecond: number
  readonly seconds: number
  readonly connections: number
  /** A connection of its own, and so a handshake, for each request. */
  readonly isFresh: boolean
  /** Taken in turn, again from the first after the last. Bodies in base64. */
  readonly requests: readonly (Omit<Post, 'body'> & { readonly body: string })[]
}

/** What came of it. Milliseconds count from the moment at which the request was due. */
export interface Outcome {
  /** Requests that were due, and those that found a connection to go out on. */
  readonly due: number
  readonly sent: number
  /** Answers by status; 0 counts connections that ended, or could not be made. */
  readonly statuses: Readonly<Record<string, number>>
  readonly refusedWithoutRetryAfter: number
  readonly p50: number
  readonly p99: number
  readonly longest: number
  readonly refusedP99: number
}

/** How often it is looked whether something is due. Milliseconds. */
const TICK = 5

/** Open loop: requests are due at a steady rate, and a server that is slow to answer gets them none the less. */
export async function offer({
  target,
  perSecond,
  seconds,
  connections,
  isFresh,
  requests,
}: Offer): Promise<Outcome> {
  const encoded = requests.map(({ body, ...rest }) =>
    encodeRequest({ ...rest, body: Buffer.from(body, 'base64') }),
  )
  const statuses: Record<string, number> = {}
  const served: number[] = []
  const refused: number[] = []
  let [due, sent, open, withoutRetryAfter] = [0, 0, 0, 0]
  const idle: { socket: Socket; exchange: ReturnType<typeof exchanger> }[] = []
  const count = (status: number) => {
    statuses[status] = (statuses[status] ?? 0) + 1
  }

  const one = async (at: number) => {
    const bytes = encoded[sent++ % encoded.length]!
    let line = idle.pop()
    while (line?.socket.destroyed) {
      open--
      line = idle.pop()
    }
    try {
      if (!line) {
        open++
        const socket = await dial(target)
        line = { socket, exchange: exchanger(socket) }
      }
      const { status, head } = await line.exchange(bytes)
      count(status)
      if (status === 503) {
        if (!/\r\nretry-after: \d/i.test(head)) withoutRetryAfter++
        refused.push(performance.now() - at)
      } else served.push(performance.now() - at)
      if (isFresh) line.socket.destroy()
    } catch {
      count(0)
      line?.socket.destroy()
    }
    if (!line || line.socket.destroyed) open--
    else idle.push(line)
  }

  // Many handshakes at once are another question.
  const dialling = async () => {
    for (; !isFresh && open < connections; ) {
      open++
      const socket = await dial(target)
      idle.push({ socket, exchange: exchanger(socket) })
    }
  }
  await Promise.all(Array.from({ length: 16 }, dialling))
  const start = performance.now()
  const flights = new Set<Promise<void>>()
  await new Promise<void>((resolve) => {
    const timer = setInterval(() => {
      const elapsed = Math.min(performance.now() - start, seconds * 1000)
      for (; due < (elapsed * perSecond) / 1000; due++) {
        if (idle.length === 0 && open >= connections) continue
        const flight = one(start + (due * 1000) / perSecond)
        flights.add(flight)
        void flight.finally(() => flights.delete(flight))
      }
      if (elapsed < seconds * 1000) return
      clearInterval(timer)
      resolve()
    }, TICK)
  })
  // What has no answer by then counts as a connection that ended.
  const patience = setTimeout(() => {
    for (const socket of sockets) socket.destroy()
  }, 30_000)
  await Promise.all(flights)
  clearTimeout(patience)
  for (const socket of sockets) socket.destroy()
  return {
    ...{ due, sent, statuses, refusedWithoutRetryAfter: withoutRetryAfter },
    p50: quantile(served, 0.5),
    p99: quantile(served, 0.99),
    longest: quantile(served, 1),
    refusedP99: quantile(refused, 0.99),
  }
}

const sockets = new Set<Socket>()

function dial({ port, ca }: Target): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = ca
      ? connectTls({ port, host: '127.0.0.1', servername: 'localhost', ca }, () => resolve(socket))
      : connectTcp({ port, host: '127.0.0.1' }, () => resolve(socket))
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      reject(new Error('closed'))
    })
    socket.on('error', () => {})
    socket.setNoDelay(true)
  })
}

function quantile(values: number[], q: number): number {
  values.sort((one, other) => one - other)
  return values[Math.floor((values.length - 1) * q)] ?? 0
}

// A program of its own, so that several can load one server, each with a processor's share of its own.
if (process.argv[1] === import.meta.filename) {
  process.once('message', async (wanted: Offer) => {
    process.send?.(await offer(wanted), () => process.disconnect?.())
  })
}
