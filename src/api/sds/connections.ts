import type { Server, TLSSocket } from 'node:tls'
import type { FaultLog } from '../../health.ts'
import type { Service } from '../../service.ts'
import { divertHttp2 } from './alpn.ts'
import type { GrpcSds } from './grpc.ts'

/**
 * Gives the TLS listener's h2 connections to Envoy's secret discovery. The gRPC library is loaded with the first of them:
 * whoever has no Envoy starts without it. Returns what ends every stream.
 */
export function serveGrpc(server: Server, service: Service, log: FaultLog): () => Promise<void> {
  let sds: Promise<GrpcSds> | null = null
  const load = async () => {
    const grpc = await import('./grpc.ts')
    return new grpc.GrpcSds(service, log)
  }
  divertHttp2(server, (socket: TLSSocket) => {
    // Until it is taken over, nobody else would hear of a connection that breaks.
    socket.on('error', () => socket.destroy())
    sds ??= load()
    sds.then(
      (one) => one.take(socket),
      (error: unknown) => {
        log.error({ err: error }, 'Secret discovery over gRPC cannot be started')
        socket.destroy()
      },
    )
  })
  return async () => {
    const started = await sds?.catch(() => null)
    started?.close()
  }
}
