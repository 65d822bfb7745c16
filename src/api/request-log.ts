import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'

/** One line a request. No headers and no query: both may hold secrets. */
export function logRequests(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) =>
    logLine(request.log, request.raw, reply.raw, reply.elapsedTime, request.ip),
  )
}

/** The same line where no hook sees the answer: of a request whose address could not be read. */
export function logUnrouted({ log, raw, ip }: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('finish', () => logLine(log, raw, reply.raw, reply.elapsedTime, ip))
}

/** The same line for an answer that no application gave. `start`: of `process.hrtime.bigint()`. */
export function logAnswer(
  log: FastifyBaseLogger,
  request: IncomingMessage,
  response: ServerResponse,
  start: bigint,
): void {
  const elapsed = Number(process.hrtime.bigint() - start) / 1e6
  logLine(log, request, response, elapsed, request.socket.remoteAddress)
}

function logLine(
  log: FastifyBaseLogger,
  { method, url }: IncomingMessage,
  { statusCode }: ServerResponse,
  milliseconds: number,
  address: string | undefined,
): void {
  log.info(
    {
      method,
      path: url!.split('?', 1)[0],
      status: statusCode,
      ms: Math.round(milliseconds * 10) / 10,
      address,
    },
    'request',
  )
}
