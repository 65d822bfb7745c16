import type { Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import type { Clock } from '../../clock.ts'
import { attached } from '../attached.ts'
import { Gate } from './gate.ts'

/** A handshake is the dearest thing that a stranger can ask for: some 0.4 ms of the event loop, more than a certificate costs. */
const PER_TURN = 4

/** Milliseconds; after that the client would not wait for what comes next either. */
const PATIENCE = 3000

const carriers = attached<Socket, Socket>('TCP connection below')

/** The TCP connection below a TLS one; a TCP connection itself. */
export function tcpOf(socket: Socket): Socket {
  return carriers.get(socket) ?? socket
}

/**
 * Lets a TLS server begin only a few handshakes in each turn of the event loop, so that a flood of them leaves time for the
 * connections that there are. What the client has sent is left unread until then: TLS on a socket that was read before lets a
 * renegotiation through that is disabled, and loses what is written just before the end. `closed` hears of each connection that
 * waited too long.
 */
export function paceHandshakes(server: Server, clock: Clock, closed: () => void): void {
  // Begun counts as done: what follows waits for the client, for a bounded time.
  const gate = new Gate({
    ...{ atWork: Number.POSITIVE_INFINITY, perTurn: PER_TURN, waiting: 4096, patience: PATIENCE },
    clock,
  })
  const begun = new Map<string, Socket>()
  // TLS listens first, from the server's making on. Whoever else does hears of each connection at once.
  const [begin] = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeListener('connection', begin!)
  server.on('connection', (socket: Socket) => {
    // Until TLS takes it over.
    const onError = () => socket.destroy()
    socket.on('error', onError)
    const comer = {
      letIn: () => {
        gate.leave(comer)
        if (socket.destroyed) return
        socket.removeListener('error', onError)
        const peer = peerOf(socket)
        begun.set(peer, socket)
        socket.once('close', () => begun.delete(peer))
        begin!.call(server, socket)
      },
      turnAway: () => {
        socket.destroy()
        closed()
      },
    }
    socket.once('close', () => gate.leave(comer))
    gate.enter(comer)
  })
  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const peer = peerOf(socket)
    const carrier = begun.get(peer)
    if (carrier) carriers.set(socket, carrier)
    begun.delete(peer)
  })
}

function peerOf(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort}`
}
