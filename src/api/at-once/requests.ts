import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyBaseLogger } from 'fastify'
import type { SignedResponse } from '../../ocsp/sign-response.ts'
import { isKnown } from '../freshness.ts'
import { KNOWN_OCTETS } from '../ocsp.ts'
import { logAnswer, logsRequests } from '../request-log.ts'
import { standBefore } from '../stand-before.ts'
import type { PreparedAnswers } from './prepared-answers.ts'

export interface KnownAnswers {
  /** The signed answer to a request that came before, or null. It must be true at this moment. */
  known(asked: string): SignedResponse | null
}

export interface AtOnceContext {
  readonly answers: KnownAnswers
  readonly prepared: PreparedAnswers
  readonly log: FastifyBaseLogger
  readonly newRequestId: () => string
  /** False from the moment on at which connections are to be closed after their answer. */
  readonly isOpen: () => boolean
  /** Hears of each connection that was answered here. */
  readonly rests: (connection: Socket) => void
}

/** What an OCSPRequest begins with: the address of a GET, which is known as well, is none. */
const SEQUENCE = 0x30

/**
 * Answers OCSP requests that came before, octet for octet, with what `ocspRoutes` would answer, field for field. Everything
 * else goes to `rest` untouched: a framework costs more than twice what the HTTP itself does.
 */
function answerAtOnce(rest: RequestListener, context: AtOnceContext): RequestListener {
  const { answers, prepared, log, isOpen, rests } = context
  const isLogged = logsRequests(log)
  function send(request: IncomingMessage, response: ServerResponse, signed: SignedResponse, start: bigint) {
    const { freshness, body, ok, notModified } = prepared.of(signed)
    const isNews = request.method === 'POST' || !isConditional(request) || !isKnown(request, freshness)
    if (isNews) response.writeHead(200, ok).end(body, 'latin1')
    else response.writeHead(304, notModified).end()
    rests(request.socket)
    if (start > 0n) {
      const { method, url, socket } = request
      logAnswer(
        log,
        context.newRequestId(),
        { method, url: url!, status: response.statusCode, socket },
        start,
      )
    }
  }

  return (request, response) => {
    const start = isLogged ? process.hrtime.bigint() : 0n
    const { method, url } = request
    if (method === 'GET') {
      const signed = isOpen() ? answers.known(url!) : null
      return signed ? send(request, response, signed, start) : rest(request, response)
    }
    const octets = method === 'POST' && (url === '/ocsp' || url === '/ocsp/') ? bodyLength(request) : 0
    if (octets === 0) return rest(request, response)
    // A small body has come with its head, and is read once this turn is over: no stream needs to flow for it.
    process.nextTick(() => {
      const body = request.read() as Buffer | null
      const isWhole = body?.length === octets && body[0] === SEQUENCE
      const signed = isWhole && isOpen() ? answers.known(body.toString('latin1')) : null
      if (signed) return send(request, response, signed, start)
      if (body) request.unshift(body)
      rest(request, response)
    })
  }
}

/** Puts `answerAtOnce` in the place of all listeners that a server has for requests; the rest goes to them. */
export function answerBeforeAll(server: Server, context: AtOnceContext): void {
  standBefore(server, (rest) => answerAtOnce(rest, context))
}

/** Read from the list of fields: making an object of them takes as long as all the rest here. */
function isConditional({ rawHeaders }: IncomingMessage): boolean {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if ((name.length === 13 || name.length === 17) && /^if-(?:none-match|modified-since)$/i.test(name))
      return true
  }
  return false
}

/** 0 unless it is announced, and small. */
function bodyLength({ rawHeaders }: IncomingMessage): number {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!
    if (name.length === 14 && /^content-length$/i.test(name)) {
      const length = Number(rawHeaders[i + 1])
      return length <= KNOWN_OCTETS ? length : 0
    }
  }
  return 0
}
