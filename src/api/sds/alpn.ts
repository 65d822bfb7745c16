import type { Server, TLSSocket } from 'node:tls'

/**
 * For the TLS listener: whoever can speak HTTP/1.1 does, as before; gRPC clients, which offer h2 alone, get that. In the
 * order of preference.
 */
export const ALPN_PROTOCOLS = ['http/1.1', 'h2']

/** Hands connections that agreed on h2 to `take`, and all others to whom they went before. Who listens later hears of both. */
export function divertHttp2(server: Server, take: (socket: TLSSocket) => void): void {
  const others = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    if (socket.alpnProtocol === 'h2') take(socket)
    else for (const listener of others) listener.call(server, socket)
  })
}
