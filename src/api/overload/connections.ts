import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import type { FaultLog } from '../../health.ts'
import { tcpOf } from './handshakes.ts'
import { Tally } from './tally.ts'

export interface ConnectionLimit {
  /** For a request that was answered as it came, and that no listener of the server has heard of. */
  rests(socket: Socket): void
  stop(): void
}

/**
 * Bounds how many connections a listener holds. Beyond it one that does nothing is closed for the new one: so whoever holds
 * many open keeps nobody out. Connections by what they do: in their handshake or silent so far, or idle after an answer; the
 * one that has been so for the longest goes, of the kind of which there are more. Where all are at work, the new one goes.
 */
export function limitConnections(server: Server, limit: number, log: FaultLog): ConnectionLimit {
  const open = new Set<Socket>()
  const silent = new Set<Socket>()
  const idle = new Set<Socket>()
  const atWork = new WeakMap<Socket, number>()
  const closed = new Tally((connections) =>
    log.warn({ connections, limit }, 'Idle connections were closed, since there are as many as there may be'),
  )

  server.prependListener('connection', (socket: Socket) => {
    if (open.size >= limit) {
      const [longest = socket] = silent.size > idle.size ? silent : idle.size > 0 ? idle : silent
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
    for (const set of [open, silent, idle]) set.delete(socket)
  }

  server.prependListener('request', ({ socket: carrier }, response) => {
    const socket = tcpOf(carrier)
    silent.delete(socket)
    idle.delete(socket)
    atWork.set(socket, (atWork.get(socket) ?? 0) + 1)
    response.once('close', () => {
      const left = atWork.get(socket)! - 1
      atWork.set(socket, left)
      if (left === 0 && open.has(socket)) idle.add(socket)
    })
  })
  // Envoy's streams: gRPC closes those that ask for nothing.
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') silent.delete(tcpOf(socket))
  })
  return {
    rests: (socket) => {
      silent.delete(socket)
      idle.delete(socket)
      if (open.has(socket)) idle.add(socket)
    },
    stop: () => closed.stop(),
  }
}
