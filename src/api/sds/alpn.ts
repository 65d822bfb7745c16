import type { Server, TLSSocket } from 'node:tls'
import { http } from '../../node-http.ts'

/** Node's own, which reads HTTP/1.1 from a connection. */
const { _connectionListener: readHttp1 } = http as unknown as { _connectionListener: unknown }

/**
 * For the TLS listener: whoever can speak HTTP/1.1 does, as before; gRPC clients, which offer h2 alone, get that, and curl with
 * `--http1.0` offers nothing but http/1.0. In the order of preference: a client that finds none of its own ends the handshake.
 */
export const ALPN_PROTOCOLS = ['http/1.1', 'h2', 'http/1.0']

/** Hands connections that agreed on h2 to `take`, and all others to whom they went before. Who listens later hears of both. */
export function divertHttp2(server: Server, take: (socket: TLSSocket) => void): void {
  const others = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    const isHttp2 = socket.alpnProtocol === 'h2'
    for (const listener of others) if (!isHttp2 || listener !== readHttp1) listener.call(server, socket)
    if (isHttp2) take(socket)
  })
}
