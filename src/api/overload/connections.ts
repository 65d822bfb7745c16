import type { IncomingMessage, Server } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FaultLog } from '../../health.ts'
import { attached } from '../attached.ts'
import { tcpOf } from './handshakes.ts'
import { Shares } from './shares.ts'
import { Tally } from './tally.ts'

/** Emitted by a connection of HTTP/2 once its client has proven who it is, with the id of that principal. */
export const CLIENT_KNOWN = 'client known'

export interface ConnectionLimit {
  /** For a request that was answered as it came, and that no listener of the server has heard of. */
  rests(socket: Socket): void
  stop(): void
}

/**
 * Bounds how many connections a listener holds. Beyond it one that does nothing is closed for the new one: so whoever holds
 * many open keeps nobody out. Connections by what they do: in their handshake or silent so far, idle after an answer, or in the
 * middle of a request whose body has not come; the one that has been so for the longest goes, of the kind of which there are
 * most. Where all are at work, one goes whose client does not read what it asked for, or one of HTTP/2 whose client has most of them; and
 * where there is none, the new one.
 */
export function limitConnections(server: Server, limit: number, log: FaultLog): ConnectionLimit {
  const open = new Set<Socket>()
  const silent = new Set<Socket>()
  const idle = new Set<Socket>()
  const receiving = new Set<Socket>()
  const known = new Shares<Socket>()
  const atWork = attached<Socket, number>('requests at work')
  const closed = new Tally((connections) =>
    log.warn({ connections, limit }, 'Idle connections were closed, since there are as many as there may be'),
  )

  server.prependListener('connection', (socket: Socket) => {
    if (open.size >= limit) {
      const [most] = [idle, silent, receiving].sort((a, b) => b.size - a.size)
      const [longest = unreadAmong(open) ?? known.mostHeld() ?? socket] = most!
      longest.destroy()
      forget(longest)
      closed.add()
      if (longest === socket) return
    }
    open.add(socket)
    silent.add(socket)
    socket.once('close', () => forget(socket))
  })
  const forget = (socket: Socket) => {
    for (const set of [open, silent, idle, receiving, known]) set.delete(socket)
  }

  server.prependListener('request', (request, response) => {
    const socket = tcpOf(request.socket)
    if (socket !== request.socket) secured.set(socket, request.socket)
    silent.delete(socket)
    idle.delete(socket)
    if (open.has(socket) && hasBody(request)) {
      receiving.add(socket)
      request.once('end', () => receiving.delete(socket))
    }
    atWork.set(socket, (atWork.get(socket) ?? 0) + 1)
    response.once('close', () => {
      receiving.delete(socket)
      const left = atWork.get(socket)! - 1
      atWork.set(socket, left)
      if (left === 0 && open.has(socket)) idle.add(socket)
    })
  })
  // Envoy's streams last, and no request is heard of here: whose client nobody knows counts as idle.
  server.on('secureConnection', (socket: TLSSocket) => {
    const carrier = tcpOf(socket)
    if (socket.alpnProtocol !== 'h2' || !open.has(carrier)) return
    silent.delete(carrier)
    idle.add(carrier)
    socket.on(CLIENT_KNOWN, (holder: string) => {
      if (!open.has(carrier)) return
      idle.delete(carrier)
      known.add(holder, carrier)
    })
  })
  return {
    rests: (socket) => {
      silent.delete(socket)
      idle.delete(socket)
      if (open.has(socket) && !atWork.get(socket)) idle.add(socket)
    },
    stop: () => closed.stop(),
  }
}

/** What is written to a connection over TLS waits there, and not in the TCP connection below. */
const secured = attached<Socket, Socket>('TLS connection above')

/** Connections that are looked at for a new one: a flood of these must not have thousands looked through for each. */
const LOOKED_AT = 64

/**
 * Finds a connection with octets that the system does not take, since the client takes none. Those that were looked at go to the
 * end, for the next look to begin behind them: an iterator that is kept keeps all that has ever been in the set.
 */
function unreadAmong(open: Set<Socket>): Socket | undefined {
  const looked: Socket[] = []
  let found: Socket | undefined
  for (const socket of open) {
    looked.push(socket)
    if ((secured.get(socket) ?? socket).writableLength > 0) found = socket
    if (found || looked.length === LOOKED_AT) break
  }
  for (const socket of looked) {
    open.delete(socket)
    open.add(socket)
  }
  return found
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}
