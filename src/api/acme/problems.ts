import type { FastifyReply, FastifyRequest } from 'fastify'
import { AcmeError, problemOf } from '../../acme/problem.ts'
import { asAcmeError } from '../../acme/refusal.ts'
import { CaError } from '../../errors.ts'
import { logFailure } from '../failure-log.ts'
import { asCaError, offerHeader } from '../problems.ts'
import { addLink } from './routing.ts'

/** Errors in ACME's form (RFC 8555 6.7). */
export function sendAcmeProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = refusalOf(error, reply)
  const { status, options } = problem
  if (status >= 500) logFailure(request, status, problem, options.cause)
  if (options.retryAfter !== undefined)
    offerHeader(reply, 'retry-after', String(Math.ceil(options.retryAfter)))
  if (options.location !== undefined) reply.header('location', options.location)
  const { termsOfService } = options
  if (termsOfService !== undefined) addLink(reply, termsOfService, 'terms-of-service')
  const body = {
    ...problemOf(problem),
    ...(options.algorithms ? { algorithms: options.algorithms } : {}),
    instance: termsOfService ?? `urn:chancery:request:${request.id}`,
  }
  return reply.code(status).type('application/problem+json').serializer(JSON.stringify).send(body)
}

function refusalOf(error: unknown, reply: FastifyReply): AcmeError {
  const ours = asAcmeError(error)
  if (ours.type !== 'serverInternal' || error instanceof CaError) return ours
  // Fastify's own, such as a body that is too large or of another type.
  const framework = asCaError(error, reply)
  // REST's words are of REST's types.
  if (framework.code === 'unsupportedMediaType') return notJose()
  return framework.code === 'internal' ? ours : asAcmeError(framework)
}

/** RFC 8555 6.2. */
export function notJose(): AcmeError {
  return new AcmeError('malformed', 'The body must be a JWS, as application/jose+json.', { status: 415 })
}
