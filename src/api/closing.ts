import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { beforeAnswer } from './immediate-hooks.ts'

/** What has not been answered by then was most likely never sent whole. Containers are killed after 10 s. Milliseconds. */
const GRACE = 5000

/**
 * Lets `close` of the application end as soon as the requests in flight are answered. Node closes the connections that are
 * idle at that moment; by itself it would wait out the keep-alive of those that become idle later, and the time-outs of
 * requests and handshakes that were begun and never finished.
 */
export function closeAfterAnswer(app: FastifyInstance): void {
  const closing = new Closing(app.server)
  app.addHook('preClose', async () => closing.begin())
  app.addHook('onClose', async () => closing.end())
  app.addHook(
    'onSend',
    beforeAnswer((_request, reply) => {
      if (closing.begun) reply.header('connection', 'close')
    }),
  )
}

export function readOnBehindRefusal(app: FastifyInstance): void {
  app.addHook(
    'onSend',
    beforeAnswer((request, reply) => {
      if (reply.statusCode === 413) readOn(request, reply)
    }),
  )
}

/**
 * Fastify closes the connection with the answer that a body is too large. What is still on its way then meets a reset, and the answer is
 * lost with it (RFC 9112 9.6). So Node reads on, and drops it, as behind every other refusal: for as long as a request may take.
 */
export function readOn({ raw }: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader('connection')
  raw.resume()
}

/** Of one server: its connections, and when they are cut off. */
export class Closing {
  readonly #sockets = new Set<Socket>()
  #timer: NodeJS.Timeout | undefined
  begun = false

  constructor(server: Pick<Server, 'on'>) {
    // On a TLS server too these are the TCP connections, so those that never finish their handshake are among them.
    server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  begin(): void {
    this.begun = true
    this.#timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy()
    }, GRACE)
  }

  end(): void {
    clearTimeout(this.#timer)
  }
}
