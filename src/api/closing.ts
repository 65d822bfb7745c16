import type { FastifyInstance } from 'fastify'

/**
 * Lets `close` of the application end as soon as the requests in flight are answered: Node closes the connections that are
 * idle at that moment, and by itself would wait out the keep-alive of those that become idle later.
 */
export function closeAfterAnswer(app: FastifyInstance): void {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.addHook('onSend', async (_request, reply) => {
    if (closing) reply.header('connection', 'close')
  })
}
