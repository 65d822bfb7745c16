import type { IncomingMessage } from 'node:http'
import { type Agent, request as httpsRequest, type RequestOptions } from 'node:https'
import { http } from '../node-http.ts'
import { ServiceError } from './service-error.ts'

/** Enough for a page of the inventory or a CRL; more means that something else answers. */
const MAX_ANSWER = 64 * 1024 * 1024
const TIMEOUT_MS = 30_000

export interface Exchange {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | undefined
  /** Where to connect if not to the host of the URL, and how to prove the other side. */
  readonly connection?: Pick<
    RequestOptions,
    'host' | 'servername' | 'checkServerIdentity' | 'ca' | 'cert' | 'key' | 'rejectUnauthorized'
  > & {
    agent?: Agent
  }
}

export interface Answer {
  readonly status: number
  readonly contentType: string
  /** Retry-After, where it is in seconds, as this service sends it. */
  readonly retryAfter: number | undefined
  /** The clock of whoever answered. Seconds since 1970. */
  readonly date: number | undefined
  readonly body: Buffer
}

/** One request and its whole answer. Throws `ServiceError` where there is none. */
export async function exchange(wish: Exchange): Promise<Answer> {
  try {
    return await wholeAnswer(await respond(wish, { signal: AbortSignal.timeout(TIMEOUT_MS) }))
  } catch (error) {
    throw unreachable(wish.url, error)
  }
}

/** One request whose answer is read as it comes, however long it is; the whole answer where it is a refusal. */
export async function open(wish: Exchange): Promise<Answer | AsyncIterable<Buffer>> {
  try {
    const response = await respond(wish, { timeout: TIMEOUT_MS })
    if ((response.statusCode ?? 0) >= 400) return await wholeAnswer(response)
    return pieces(response, wish.url)
  } catch (error) {
    throw unreachable(wish.url, error)
  }
}

async function* pieces(response: IncomingMessage, url: URL): AsyncGenerator<Buffer> {
  try {
    yield* response as AsyncIterable<Buffer>
  } catch (error) {
    throw unreachable(url, error)
  }
}

function respond(
  { url, method, headers, body, connection = {} }: Exchange,
  patience: Pick<RequestOptions, 'signal' | 'timeout'>,
): Promise<IncomingMessage> {
  const send = url.protocol === 'http:' ? http.request : httpsRequest
  return new Promise((resolve, reject) => {
    const request = send(
      url,
      {
        method,
        ...connection,
        headers: {
          host: url.host,
          ...headers,
          ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
        },
        ...patience,
      },
      resolve,
    )
    request.on('timeout', () => request.destroy(new DOMException('silent', 'TimeoutError')))
    request.on('error', reject)
    request.end(body)
  })
}

async function wholeAnswer(response: IncomingMessage): Promise<Answer> {
  return {
    status: response.statusCode ?? 0,
    contentType: mediaType(response),
    retryAfter: secondsIn(response.headers['retry-after']),
    date: timeIn(response.headers.date),
    body: await collectBody(response),
  }
}

async function collectBody(response: IncomingMessage): Promise<Buffer> {
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length
    if (length > MAX_ANSWER) throw new Error(`the answer is longer than ${MAX_ANSWER} bytes`)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function mediaType(response: IncomingMessage): string {
  return (response.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase()
}

function timeIn(date: string | undefined): number | undefined {
  const time = Date.parse(date ?? '')
  return Number.isNaN(time) ? undefined : time / 1000
}

function secondsIn(retryAfter: string | undefined): number | undefined {
  return retryAfter !== undefined && /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : undefined
}

function unreachable(url: URL, error: unknown): ServiceError {
  const { code = '', message, name } = error as NodeJS.ErrnoException
  const at = url.origin
  if (name === 'TimeoutError' || name === 'AbortError')
    return new ServiceError('lost', `${at} did not answer within ${TIMEOUT_MS / 1000} seconds.`)
  if (code === 'ECONNREFUSED') return new ServiceError('silent', `Nothing listens at ${at}.`)
  if (/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_|ERR_TLS_CERT)/.test(code)) {
    const reason = message.split(';')[0]
    return new ServiceError(
      'unproven',
      `The certificate at ${at} is not proven by the root given (${reason}).`,
      { cause: error },
    )
  }
  if (code === 'EPROTO' && message.includes('wrong version number')) {
    const hint = 'its address for enrolment and administration does'
    return new ServiceError('lost', `What answers at ${at} does not speak TLS; ${hint}.`, { cause: error })
  }
  const closed = url.protocol === 'http:' && code === 'ECONNRESET'
  const reason = closed ? 'the connection was closed, as by a port that speaks TLS (https://)' : message
  return new ServiceError('lost', `${at} cannot be reached: ${reason || code}.`, { cause: error })
}
