import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { callerId } from './caller.ts'
import { afterAnswer } from './immediate-hooks.ts'

/** One line a request. No headers and no query: both may hold secrets. */
export function logRequests(app: FastifyInstance): void {
  app.addHook(
    'onResponse',
    afterAnswer((request, reply) => {
      const { log, raw, ip } = request
      const principal = callerId(request)
      const told = facts(answered(raw, reply), reply.elapsedTime, ip)
      log.info({ ...told, ...(principal && { principal }) }, 'request')
    }),
  )
}

/** The same line where no hook sees the answer: of a request whose address could not be read. */
export function logUnrouted({ log, raw, ip }: FastifyRequest, reply: FastifyReply): void {
  reply.raw.once('finish', () => log.info(facts(answered(raw, reply), reply.elapsedTime, ip), 'request'))
}

/** Whether there are such lines at all. */
export function logsRequests({ level }: FastifyBaseLogger): boolean {
  return level !== undefined && ['info', 'debug', 'trace'].includes(level)
}

interface Answered {
  readonly method: string | undefined
  readonly url: string
  readonly status: number
}

/** The same line for an answer that no application gave. `start`: of `process.hrtime.bigint()`. */
export function logAnswer(
  log: FastifyBaseLogger,
  reqId: string,
  answer: Answered & { readonly socket: Pick<Socket, 'remoteAddress'> },
  start: bigint,
): void {
  const elapsed = Number(process.hrtime.bigint() - start) / 1e6
  log.info({ reqId, ...facts(answer, elapsed, answer.socket.remoteAddress) }, 'request')
}

function answered({ method, url }: IncomingMessage, { raw }: FastifyReply): Answered {
  return { method, url: url!, status: raw.statusCode }
}

function facts({ method, url, status }: Answered, milliseconds: number, address: string | undefined) {
  const ms = Math.round(milliseconds * 10) / 10
  return { method, path: url.split('?', 1)[0], status, ms, address }
}
