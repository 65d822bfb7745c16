import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { TurnBudget } from '../overload/turn-budget.ts'
import { HeldConnection } from './held-connection.ts'
import { RequestHeads } from './request-heads.ts'
import type { AtOnceContext } from './requests.ts'

/**
 * Answers the plainest OCSP requests that came before on the connection itself: a request and a response as objects cost twice
 * what reading and writing do. The first request of any other kind, or that nobody asked before, goes to the server with its
 * connection, which is the server's from then on. To be called before anybody else listens for connections. The function that
 * it returns ends the connections that rest here, each after its last answer, and lets no more come.
 */
export function answerOnConnections(server: Server, context: AtOnceContext): () => void {
  const [serve] = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  const held = new Set<HeldConnection>()
  const surroundings = {
    ...context,
    heads: new RequestHeads(),
    budget: new TurnBudget(),
    server,
    serve: (socket: Socket) => serve!.call(server, socket),
    gone: (one: HeldConnection) => held.delete(one),
  }
  let isEnding = false
  server.on('connection', (socket: Socket) => {
    // There may have been one connection too many.
    if (socket.destroyed) return
    if (isEnding) surroundings.serve(socket)
    else held.add(new HeldConnection(socket, surroundings))
  })
  return () => {
    isEnding = true
    for (const one of held) one.end()
  }
}
