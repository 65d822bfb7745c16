import type { RequestListener, Server } from 'node:http'

/** Puts what `make` makes in the place of all listeners that a server has for requests; what it calls goes on to these. */
export function standBefore(server: Server, make: (goOn: RequestListener) => RequestListener): void {
  const others = server.listeners('request') as RequestListener[]
  server.removeAllListeners('request')
  const listener = make((request, response) => {
    for (const other of others) other.call(server, request, response)
  })
  server.on('request', listener)
}
