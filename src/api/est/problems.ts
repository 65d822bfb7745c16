import type { FastifyReply, FastifyRequest } from 'fastify'
import { peerCertificate } from '../caller.ts'
import { logFailure } from '../failure-log.ts'
import { asCaError, offerHeader, PROBLEMS } from '../problems.ts'

/** Errors as text for people (RFC 7030 4.2.3), and as few headers as can be: libest takes 1,024 octets of them. */
export function sendEstProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = asCaError(error)
  const { status, title } = PROBLEMS[problem.code]
  if (status >= 500 && status !== 501) logFailure(request, status, problem, problem.cause)
  if (status === 401) {
    offerHeader(reply, 'www-authenticate', 'Basic realm="chancery"')
    // BouncyCastle sends its password when it is asked for it, and fails where that question has a body.
    if (request.headers.authorization === undefined && !peerCertificate(request))
      return reply.code(401).send()
  }
  const { retryAfter } = problem
  if (retryAfter !== undefined || status === 503)
    offerHeader(reply, 'retry-after', String(Math.ceil(retryAfter ?? 5)))
  const text = status === 500 ? title : problem.detail
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`)
}
