import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

/** What has not been answered by then was most likely never sent whole. Containers are killed after 10 s. Milliseconds. */
const GRACE = 5000

/**
 * Lets `close` of the application end as soon as the requests in flight are answered. Node closes the connections that are
 * idle at that moment; by itself it would wait out the keep-alive of those that become idle later, and the time-outs of
 * requests and handshakes that were begun and never finished.
 */
export function closeAfterAnswer(app: FastifyInstance): void {
  const sockets = new Set<Socket>()
  let closing = false
  let timer: NodeJS.Timeout | undefined
  // On a TLS server too these are the TCP connections, so those that never finish their handshake are among them.
  app.server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  app.addHook('preClose', async () => {
    closing = true
    timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy()
    }, GRACE)
  })
  app.addHook('onClose', async () => clearTimeout(timer))
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close')
  })
}
