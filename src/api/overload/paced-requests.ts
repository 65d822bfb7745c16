import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'

/** Some 10 ms of answers from memory. */
export const BEGUN_PER_TURN = 256

/** Counting costs less where the end of each turn is looked at only after so many. */
const LOOK_AFTER = 32

/**
 * Has a server begin so many requests in a turn of the event loop, and the others in the next ones, in order. To be called last:
 * it stands before all listeners that there are. Without it a thousand connections that ask again as soon as they are answered
 * never let a turn end: libuv goes on reading where it found a thousand of them ready, up to 48 times, and a TLS handshake,
 * which takes several turns, then takes seconds.
 */
export function paceRequests(server: Server): void {
  const others = server.listeners('request') as RequestListener[]
  let waiting: [IncomingMessage, ServerResponse][] = []
  let begun = 0
  let isScheduled = false

  function begin(request: IncomingMessage, response: ServerResponse): void {
    begun++
    for (const listener of others) listener.call(server, request, response)
  }

  function schedule(): void {
    if (isScheduled) return
    isScheduled = true
    setImmediate(() => {
      isScheduled = false
      begun = 0
      const next = waiting.slice(0, BEGUN_PER_TURN)
      waiting = waiting.slice(BEGUN_PER_TURN)
      // Who has gone meanwhile waits for nothing.
      for (const [request, response] of next) if (!request.socket.destroyed) begin(request, response)
      if (waiting.length > 0) schedule()
    })
  }

  server.removeAllListeners('request')
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (waiting.length === 0 && begun < BEGUN_PER_TURN) begin(request, response)
    else waiting.push([request, response])
    if (begun >= LOOK_AFTER) schedule()
  })
}
