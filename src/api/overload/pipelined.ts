import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { attached } from '../attached.ts'
import { standBefore } from '../stand-before.ts'
import { refuse } from './refusal.ts'

/** Requests that one connection may have sent without an answer to any. Clients that are out there send one. */
export const PIPELINED = 16

/** Has a server refuse what comes on a connection behind so many. `refused` hears of each. */
export function boundPipelined(server: Server, refused: () => void): void {
  const unanswered = attached<Socket, number>('unanswered requests')
  standBefore(server, (goOn) => (request, response) => {
    const { socket, url = '' } = request
    const before = unanswered.get(socket) ?? 0
    unanswered.set(socket, before + 1)
    response.once('close', () => unanswered.set(socket, unanswered.get(socket)! - 1))
    if (before >= PIPELINED) {
      refused()
      refuse(url, response, { close: true })
    } else goOn(request, response)
  })
}
