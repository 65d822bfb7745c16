import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { CaError, type ErrorCode } from '../errors.ts'
import { logFailure } from './failure-log.ts'
import { otherMethods } from './other-methods.ts'

/** One row for each code: REST renders it as an RFC 9457 problem document. */
export const PROBLEMS: Readonly<Record<ErrorCode, { status: number; title: string }>> = {
  malformedRequest: { status: 400, title: 'The request is malformed' },
  malformedCsr: { status: 400, title: 'The CSR is malformed' },
  malformedPem: { status: 400, title: 'The PEM text is malformed' },
  badCsrSignature: { status: 400, title: 'The signature of the CSR does not verify' },
  unsupportedAlgorithm: { status: 400, title: 'The algorithm is not supported' },
  weakKey: { status: 400, title: 'The key is too weak' },
  badName: { status: 400, title: 'A name is not valid' },
  bodyTooLarge: { status: 413, title: 'The body is too large' },
  unsupportedMediaType: { status: 415, title: 'The content type is not supported' },
  methodNotAllowed: { status: 405, title: 'This address takes another method' },
  notSupported: { status: 501, title: 'This is not supported' },
  unauthenticated: { status: 401, title: 'The caller is not authenticated' },
  forbidden: { status: 403, title: 'The caller may not do this' },
  tokenSpent: { status: 403, title: 'The enrolment token cannot be used' },
  requestRefused: { status: 403, title: 'The request was refused' },
  tooManyPending: { status: 429, title: 'Too many requests wait for approval' },
  nameNotAllowed: { status: 403, title: 'A name is not allowed' },
  keyNotAllowed: { status: 403, title: 'The kind of key is not allowed' },
  validityNotAllowed: { status: 403, title: 'The validity is not allowed' },
  extensionNotAllowed: { status: 403, title: 'An extension is not allowed' },
  unknownProfile: { status: 400, title: 'There is no such profile' },
  unknownAuthority: { status: 404, title: 'There is no such authority' },
  notFound: { status: 404, title: 'Not found' },
  conflict: { status: 409, title: 'This conflicts with what is there' },
  idempotencyConflict: { status: 422, title: 'The idempotency key was used with another request' },
  notOnHold: { status: 409, title: 'The certificate is not on hold' },
  certificateRevoked: { status: 403, title: 'The certificate is revoked' },
  certificateExpired: { status: 403, title: 'The certificate has expired' },
  badConfiguration: { status: 400, title: 'The setting is not valid' },
  badAuthorityCertificate: { status: 400, title: 'The authority certificate does not fit' },
  badCrl: { status: 400, title: 'The CRL does not fit' },
  badOcspResponse: { status: 400, title: 'The OCSP response does not fit' },
  authorityNotReady: { status: 503, title: 'The authority is not ready' },
  overloaded: { status: 503, title: 'Too many requests wait' },
  rateLimited: { status: 429, title: 'Too many requests' },
  providerFailed: { status: 503, title: 'The OpenID provider does not help' },
  storeFailed: { status: 503, title: 'The store is failing' },
  internal: { status: 500, title: 'Internal error' },
}

interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  instance: string
  subproblems?: { type: string; detail: string; subject?: string }[]
}

export function problemType(code: ErrorCode): string {
  return `urn:chancery:problem:${code}`
}

/**
 * What any thrown value becomes; what is not ours, and no refusal by its status, is a 500 that says nothing. `reply`: the one that was to
 * be sent, where there is one.
 */
export function asCaError(error: unknown, reply?: FastifyReply): CaError {
  if (error instanceof CaError) return error
  const { code, message, validation } = (error ?? {}) as Partial<FastifyError>
  const statusCode = statusOf(error, reply)
  if (validation)
    return new CaError('malformedRequest', `${validationFault(error as FastifyError) ?? message}.`)
  if (statusCode === 413) return new CaError('bodyTooLarge', 'The body is larger than this address takes.')
  if (statusCode === 415)
    return new CaError(
      'unsupportedMediaType',
      'The Content-Type is missing, or not one that this address takes: application/json for JSON, application/pkcs10 for a CSR by itself; openapi.yaml has all.',
    )
  // The client went away in the middle of its body: nobody reads the answer, and nothing is at fault here.
  if (code === 'ECONNRESET' && message === 'aborted') {
    return new CaError('malformedRequest', 'The request ended before its body did.')
  }
  const refusal = statusCode === undefined ? undefined : refusalBy(statusCode)
  if (refusal)
    return new CaError(refusal, `${(message || 'This is refused').replace(/\.$/, '')}.`, { cause: error })
  return new CaError('internal', '', { cause: error })
}

/** As Fastify's own handler finds it: what a hook gave to the reply goes before the error's. */
function statusOf(error: unknown, reply?: FastifyReply): number | undefined {
  if (reply && reply.statusCode >= 400) return reply.statusCode
  const { statusCode, status } = (error ?? {}) as { statusCode?: number; status?: number }
  return statusCode ?? status
}

/**
 * What a status says that Fastify gave to an error, or a hook of the application that embeds the plugin, such as a rate limit; undefined where
 * that is no more than 500.
 */
function refusalBy(status: number): ErrorCode | undefined {
  return BY_STATUS[status] ?? (status >= 400 && status < 500 ? 'malformedRequest' : undefined)
}

const BY_STATUS: Partial<Record<number, ErrorCode>> = {
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'notFound',
  429: 'rateLimited',
  503: 'overloaded',
}

/** The pattern of a number. */
const DIGITS = /^\^\[0-9\]\{1,(\d+)\}\$$/

/** Where Ajv's own words leave open what to change: which key is not known, which values there are, and how a number or a time is written. */
function validationFault({ validation = [], validationContext = 'body' }: FastifyError): string | null {
  const [first] = validation
  const where = `${validationContext}${first?.instancePath ?? ''}`
  if (first?.keyword === 'additionalProperties') {
    return `${where} has ${JSON.stringify(String(first.params.additionalProperty).slice(0, 80))}, which is not known here`
  }
  const digits = first?.keyword === 'pattern' && DIGITS.exec(String(first.params.pattern))
  if (digits) {
    // Who uses the command line did not write an address.
    return `${where.replace(/^params\//, 'The ')} must be a number of at most ${digits[1]} digits, such as 12`
  }
  if (first?.keyword === 'format' && first.params.format === 'date-time') {
    return `${where} must be a time of RFC 3339, such as 2027-01-31T12:00:00Z`
  }
  const values = validation
    .filter(({ keyword }) => keyword === 'const')
    .map(({ params }) => params.allowedValue)
  return values.length > 0 ? `${where} must be one of: ${values.join(', ')}` : null
}

/** Errors of this scope become problem documents, and its answers are as they are, whatever the surrounding application does with its own. */
export function useOwnAnswers(app: FastifyInstance): void {
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply))
  // Fastify's types do not know that there may be none.
  app.setReplySerializer(null as never)
}

/** The problem document, JSON, for a request that is answered before it has a number. */
export function unnumberedProblem(
  code: ErrorCode,
  detail: string,
  status: number = PROBLEMS[code].status,
): string {
  const problem: Omit<Problem, 'instance'> = {
    type: problemType(code),
    title: PROBLEMS[code].title,
    status,
    detail,
  }
  return JSON.stringify(problem)
}

export function sendProblem(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = asCaError(error, reply)
  const { status, title } = PROBLEMS[problem.code]
  if (status >= 500) logFailure(request, status, problem, problem.cause)
  const body: Problem = {
    type: problemType(problem.code),
    title,
    status,
    instance: `urn:chancery:request:${request.id}`,
  }
  // The cause of a 500 is for the log alone.
  if (status !== 500) body.detail = problem.detail
  if (problem.subproblems.length > 0) {
    body.subproblems = problem.subproblems.map(({ code, ...rest }) => ({ type: problemType(code), ...rest }))
  }
  const retryAfter = problem.retryAfter ?? (status === 503 ? 5 : undefined)
  if (retryAfter !== undefined) offerHeader(reply, 'retry-after', String(Math.ceil(retryAfter)))
  if (status === 401) offerHeader(reply, 'www-authenticate', 'Bearer realm="chancery"')
  return reply.code(status).type('application/problem+json').serializer(JSON.stringify).send(body)
}

/** A hook of the application that refused has said so itself. */
export function offerHeader(reply: FastifyReply, name: string, value: string): void {
  if (!reply.hasHeader(name)) reply.header(name, value)
}

/** Errors, other methods and unknown addresses of this application, and of plugins that have no handlers of their own. */
export function installProblems(app: FastifyInstance): void {
  const allowedAt = otherMethods(app)
  app.setErrorHandler((error, request, reply) => sendProblem(error, request, reply))
  app.setNotFoundHandler((request, reply) => {
    const allowed = allowedAt(request)
    if (allowed !== '') reply.header('allow', allowed)
    return sendProblem(
      allowed === ''
        ? new CaError('notFound', `Nothing is at ${request.method} ${request.url.split('?')[0]}.`)
        : new CaError('methodNotAllowed', `This address takes ${allowed} alone.`),
      request,
      reply,
    )
  })
}
