import type { TLSSocket } from 'node:tls'
import type { FastifyInstance } from 'fastify'

/** RFC 9266 2. */
const EXPORTER_LABEL = 'EXPORTER-Channel-Binding'
const EXPORTER_LENGTH = 32

/** What only the two ends of this TLS connection know: tls-exporter on TLS 1.3, tls-unique on TLS 1.2; null without TLS. */
export function channelBinding(socket: Partial<TLSSocket>): Buffer | null {
  const version = socket.getProtocol?.()
  if (version === 'TLSv1.3') {
    return socket.exportKeyingMaterial!(EXPORTER_LENGTH, EXPORTER_LABEL, Buffer.alloc(0))
  }
  if (version !== 'TLSv1.2') return null
  // RFC 5929 3.1: the first Finished message, which is the server's where the session was resumed.
  return (socket.isSessionReused!() ? socket.getFinished!() : socket.getPeerFinished!()) ?? null
}

/** RFC 7030 3.5: tls-unique is that of the first handshake, so no second one may take its place. TLS 1.3 knows none. */
export function keepFirstHandshake({ server }: FastifyInstance): void {
  // An application may mount one CA for each of its tenants, and Node warns of a leak at the eleventh listener.
  if (!server.listeners('secureConnection').includes(refuseRenegotiation)) {
    server.on('secureConnection', refuseRenegotiation)
  }
}

function refuseRenegotiation(socket: TLSSocket): void {
  socket.disableRenegotiation()
}
