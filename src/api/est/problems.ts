import type { FastifyReply, FastifyRequest } from 'fastify'
import { PasswordWanted } from '../../est/authenticate-enrollee.ts'
import { peerCertificate } from '../caller.ts'
import { logFailure } from '../failure-log.ts'
import { asCaError, offerHeader, PROBLEMS } from '../problems.ts'

/** For `frameworkErrors` of the application: an address of EST that cannot be decoded reaches no route. True if it was one, and was answered. */
export function answerBadEstUrl(error: unknown, request: FastifyRequest, reply: FastifyReply): boolean {
  if (!/^\/\.well-known\/est(?:[/?]|$)/.test(request.raw.url ?? '')) return false
  sendEstProblem(error, request, reply)
  return true
}

/** Errors as text for people (RFC 7030 4.2.3), and as few headers as can be: libest takes 1,024 octets of them. */
export function sendEstProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = asCaError(error, reply)
  const { status, title } = PROBLEMS[problem.code]
  if (status >= 500 && status !== 501) logFailure(request, status, problem, problem.cause)
  if (status === 401) {
    offerHeader(reply, 'www-authenticate', 'Basic realm="chancery"')
    // BouncyCastle sends its password when it is asked for it, also beside a certificate, and fails where that question has a body.
    const saysNothing = request.headers.authorization === undefined && !peerCertificate(request)
    if (saysNothing) return reply.code(401).send()
    if (problem instanceof PasswordWanted)
      return reply.code(401).header('chancery-detail', problem.detail).send()
  }
  const { retryAfter } = problem
  if (retryAfter !== undefined || status === 503)
    offerHeader(reply, 'retry-after', String(Math.ceil(retryAfter ?? 5)))
  // The common text names types that no operation of EST takes.
  const detail = status === 415 ? 'The Content-Type must be application/pkcs10.' : problem.detail
  const text = status === 500 ? title : detail
  return reply.code(status).type('text/plain; charset=utf-8').send(`${text}\n`)
}
