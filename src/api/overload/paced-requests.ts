import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { attached } from '../attached.ts'
import { standBefore } from '../stand-before.ts'
import { PIPELINED } from './pipelined.ts'
import { TurnBudget } from './turn-budget.ts'

/**
 * Has a server begin so many requests in a turn of the event loop, and the others in the next ones, in order. To be called last:
 * it stands before all listeners that there are. Without it a thousand connections that ask again as soon as they are answered
 * never let a turn end: libuv goes on reading where it found a thousand of them ready, up to 48 times, and a TLS handshake,
 * which takes several turns, then takes seconds.
 */
export function paceRequests(server: Server): void {
  const budget = new TurnBudget()
  const waiting = attached<Socket, number>('waiting requests')
  standBefore(server, (begin) => (request, response) => {
    if (budget.take()) return begin(request, response)
    const { socket } = request
    const before = waiting.get(socket) ?? 0
    // Node goes on reading from a connection to which nothing was written: what waits would grow without end.
    if (before >= PIPELINED) socket.destroy()
    if (socket.destroyed) return
    waiting.set(socket, before + 1)
    budget.later(() => {
      waiting.set(socket, waiting.get(socket)! - 1)
      // Who has gone meanwhile waits for nothing.
      if (!socket.destroyed) begin(request, response)
    })
  })
}
