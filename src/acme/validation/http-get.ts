import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { http } from '../../node-http.ts'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { ValidationFailure } from './failure.ts'
import { openStream, requestTo } from './request-to.ts'

/** Octets of a body that are read; a key authorization has less than 200. */
const MOST_BODY = 64 * 1024
const REDIRECTS = new Set([301, 302, 303, 307, 308])

export interface HttpAnswer {
  readonly status: number
  /** Where a redirect leads, as it was written; null where the answer is none, "" where it does not say. */
  readonly location: string | null
  /** What Content-Encoding says; "identity" where there is none. */
  readonly encoding: string
  /** As Latin-1; empty for a redirect. Cut at 64 KiB. */
  readonly body: string
}

/**
 * One GET, at the address that was checked, over a connection of its own: no agent, so no proxy from the environment either.
 * A certificate is not verified (RFC 8555 8.3 has http; who redirects to https has few that would pass before the first is issued).
 * `ValidationFailure` "dns", "connection" or "tls" where there is no answer.
 */
export async function httpGet(
  url: URL,
  context: Pick<ValidationContext, 'resolver' | 'networks'>,
  deadline: Deadline,
): Promise<HttpAnswer> {
  return exchange(url, await openStream(url, context, deadline), deadline)
}

function exchange(url: URL, stream: Duplex, deadline: Deadline): Promise<HttpAnswer> {
  const { signal } = deadline
  return new Promise<HttpAnswer>((resolve, reject) => {
    const stop = () => {
      reject(deadline.reason('connection', `${url.host} did not send a whole answer`))
      stream.destroy()
    }
    if (signal.aborted) {
      stop()
      return
    }
    signal.addEventListener('abort', stop, { once: true })
    stream.once('close', () => signal.removeEventListener('abort', stop))
    const failed = (error: NodeJS.ErrnoException) => reject(broken(url, error))
    const sent = http.request({
      ...requestTo(url, { Accept: '*/*', 'Accept-Encoding': 'identity', Connection: 'close' }),
      createConnection: () => stream,
    })
    sent.on('error', failed)
    // Nothing here asks for another protocol; without a listener a CONNECT or 101 would end in silence.
    sent.on('upgrade', (response) => failed(new Error(`status ${response.statusCode}`)))
    sent.on('close', () => failed(new Error('closed')))
    sent.on('response', (response) => {
      // What is left of it may still be read once the request has closed.
      sent.removeAllListeners('close')
      response.on('error', failed)
      readAnswer(response).then(resolve, failed)
    })
    sent.end()
  }).finally(() => stream.destroy())
}

async function readAnswer(response: IncomingMessage): Promise<HttpAnswer> {
  const status = response.statusCode ?? 0
  const encoding = response.headers['content-encoding']?.trim().toLowerCase() || 'identity'
  if (REDIRECTS.has(status)) {
    return { status, location: response.headers.location ?? '', encoding, body: '' }
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    length += chunk.length
    if (length >= MOST_BODY) break
  }
  const body = Buffer.concat(chunks).subarray(0, MOST_BODY).toString('latin1')
  return { status, location: null, encoding, body }
}

function broken(url: URL, error: NodeJS.ErrnoException): ValidationFailure {
  const { code = '' } = error
  const what = code.startsWith('HPE_')
    ? `sends what is not HTTP (${code})`
    : 'hangs up before its answer is complete'
  return new ValidationFailure('connection', `${url.host} ${what}.`, 'unreachable', error)
}
