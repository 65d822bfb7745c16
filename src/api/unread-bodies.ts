import type { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import { CaError } from '../errors.ts'

const READ_BEFORE =
  "The body of this request was read before it reached the CA: middleware that reads bodies, such as express.json(), must pass over the CA's paths."

/**
 * Refuses a request whose body something of the application that embeds the plugin has read to its end: the parser would wait for
 * that end, which comes only once, for as long as the client does.
 */
export function refuseReadBodies(app: FastifyInstance): void {
  app.addHook('preParsing', ({ method, headers }, _reply, payload, done) => {
    // As Fastify decides whether it reads one.
    const isRead = method !== 'GET' && method !== 'HEAD' && headers['content-type'] !== undefined
    const wasRead = (payload as Readable).readableEnded
    done(isRead && wasRead ? new CaError('notSupported', READ_BEFORE) : null, payload)
  })
}
