import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type OcspAnswer, ocspError } from '../ocsp/answer.ts'
import { MAX_REQUEST_OCTETS } from '../ocsp/request.ts'
import type { OcspResponder } from '../ocsp/responder.ts'
import { readOn } from './closing.ts'
import { sendFresh } from './freshness.ts'
import { asCaError, PROBLEMS } from './problems.ts'

/** Without parameters: HAProxy and nginx compare the whole header. */
export const OCSP_RESPONSE = 'application/ocsp-response'

/**
 * OCSP over HTTP (RFC 6960 A, RFC 5019 5) at /ocsp. The status is 200 whatever the answer: HAProxy and nginx take no
 * other, and an OCSP client can read nothing but OCSP. The application must leave `ignoreDuplicateSlashes`
 * and `ignoreTrailingSlash` off, since slashes are part of base64.
 */
export async function ocspRoutes(
  app: FastifyInstance,
  { responder }: { responder: OcspResponder },
): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/ocsp-request', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  )
  // Any type of body is read as a request: what it is shows soon enough.
  app.addHook('onRequest', async (request) => {
    request.raw.headers['content-type'] = 'application/ocsp-request'
  })
  const counted = (answer: OcspAnswer) => {
    responder.counts.count(answer)
    return answer
  }
  app.setErrorHandler((error, request, reply) => {
    const { status } = PROBLEMS[asCaError(error, reply).code]
    if (status === 413) readOn(request, reply)
    return send(request, reply, counted(errorAnswer(status, error, request)))
  })

  const options = { bodyLimit: MAX_REQUEST_OCTETS }
  const answer = async (request: FastifyRequest, reply: FastifyReply) =>
    send(request, reply, counted(await responder.respond(requestBytes(request), askedAs(request))))
  app.all('/ocsp', options, answer)
  app.all('/ocsp/*', options, answer)
}

/**
 * For `frameworkErrors` of the application: a URL that cannot be decoded ("/ocsp/%zz") reaches no route, so
 * no plugin can answer it. True if the URL is ours and was answered.
 */
export function answerBadOcspUrl(request: FastifyRequest, reply: FastifyReply): boolean {
  if (!/^\/ocsp(?:[/?]|$)/.test(request.raw.url ?? '')) return false
  send(request, reply, ocspError('malformedRequest'))
  return true
}

/**
 * Octets. Requests for one certificate without extensions are far smaller, in every form in use; larger ones are not worth
 * being known again.
 */
export const KNOWN_OCTETS = 512

/** As `answerAtOnce` will look for it: the body of a POST, the address of a GET. Null where it does not. */
function askedAs({ method, raw, body }: FastifyRequest): string | null {
  if (method === 'POST')
    return Buffer.isBuffer(body) && body.length <= KNOWN_OCTETS ? body.toString('latin1') : null
  const { url = '' } = raw
  return method === 'GET' && url.startsWith('/ocsp/') && url.length <= KNOWN_OCTETS ? url : null
}

/** The OCSPRequest, or bytes that are none. */
function requestBytes({ method, params, body }: FastifyRequest): Buffer {
  if (method === 'POST') return Buffer.isBuffer(body) ? body : Buffer.alloc(0)
  if (method !== 'GET' && method !== 'HEAD') return Buffer.alloc(0)
  const path = (params as { '*'?: string })['*'] ?? ''
  // HAProxy doubles the slash after a URL that ends in one; base64 of DER begins with M. A plus sign that
  // was not percent-encoded may have been read as a space on its way.
  const text = path
    .replace(/[\r\n]+/g, '')
    .replace(/^\/+/, '')
    .replaceAll(' ', '+')
  // Buffer.from would skip whatever is not base64. From its beginning: looked for at the end, padding that something follows
  // would be tried from each of its signs.
  const digits = /^([A-Za-z0-9+/]+)=*$/.exec(text)?.[1] ?? ''
  return digits.length % 4 === 1 ? Buffer.alloc(0) : Buffer.from(digits, 'base64')
}

/** Whatever went wrong before or beside the responder: a body too large, a hook of the application. */
function errorAnswer(status: number, error: unknown, request: FastifyRequest): OcspAnswer {
  if (status === 503 || status === 429) return ocspError('tryLater')
  if (status < 500) return ocspError('malformedRequest')
  request.log.error({ err: error }, 'an OCSP request failed')
  return ocspError('internalError')
}

function send(request: FastifyRequest, reply: FastifyReply, { der, cacheable }: OcspAnswer): FastifyReply {
  if (cacheable) return sendFresh(request, reply.code(200), OCSP_RESPONSE, der, cacheable)
  return reply.code(200).header('cache-control', 'no-store').header('content-type', OCSP_RESPONSE).send(der)
}
