import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { attached } from '../attached.ts'
import { PIPELINED } from './pipelined.ts'
import { TurnBudget } from './turn-budget.ts'

/**
 * Has a server begin so many requests in a turn of the event loop, and the others in the next ones, in order. To be called last:
 * it stands before all listeners that there are. Without it a thousand connections that ask again as soon as they are answered
 * never let a turn end: libuv goes on reading where it found a thousand of them ready, up to 48 times, and a TLS handshake,
 * which takes several turns, then takes seconds.
 */
export function paceRequests(server: Server): void {
  const others = server.listeners('request') as RequestListener[]
  const budget = new TurnBudget()
  const waiting = attached<Socket, number>('waiting requests')
  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const begin = () => {
      for (const listener of others) listener.call(server, request, response)
    }
    if (budget.take()) return begin()
    const { socket } = request
    const before = waiting.get(socket) ?? 0
    // Node goes on reading from a connection to which nothing was written: what waits would grow without end.
    if (before >= PIPELINED) socket.destroy()
    if (socket.destroyed) return
    waiting.set(socket, before + 1)
    budget.later(() => {
      waiting.set(socket, waiting.get(socket)! - 1)
      // Who has gone meanwhile waits for nothing.
      if (!socket.destroyed) begin()
    })
  })
}
