import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { callerId } from './caller.ts'

/** One line a request. No headers and no query: both may hold secrets. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    const { log, raw, ip } = request
    const principal = callerId(request)
    log.info({ ...facts(raw, reply.raw, reply.elapsedTime, ip), ...(principal && { principal }) }, 'request')
  })
}

/** The same line where no hook sees the answer: of a request whose address could not be read. */
export function logUnrouted({ log, raw, ip }: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('finish', () => log.info(facts(raw, reply.raw, reply.elapsedTime, ip), 'request'))
}

/** The same line for an answer that no application gave. `start`: of `process.hrtime.bigint()`. */
export function logAnswer(
  log: FastifyBaseLogger,
  reqId: string,
  request: IncomingMessage,
  response: ServerResponse,
  start: bigint,
): void {
  const elapsed = Number(process.hrtime.bigint() - start) / 1e6
  log.info({ reqId, ...facts(request, response, elapsed, request.socket.remoteAddress) }, 'request')
}

function facts(
  { method, url }: IncomingMessage,
  { statusCode }: ServerResponse,
  milliseconds: number,
  address: string | undefined,
) {
  return {
    method,
    path: url!.split('?', 1)[0],
    status: statusCode,
    ms: Math.round(milliseconds * 10) / 10,
    address,
  }
}
