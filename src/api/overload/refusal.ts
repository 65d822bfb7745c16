import type { ServerResponse } from 'node:http'
import { CaError } from '../../errors.ts'
import { unnumberedProblem } from '../problems.ts'

/** Seconds until a refused client may ask again. */
const RETRY_AFTER = 2

const DETAIL = 'More requests come in than can be served. Nothing was done; try again shortly.'

export function overloaded(): CaError {
  return new CaError('overloaded', DETAIL, { retryAfter: RETRY_AFTER })
}

interface Form {
  readonly path: RegExp
  readonly type: string
  readonly body: string
}

const ACME = /^\/acme\//

/** Each protocol in its own words: RFC 8555 6.7, RFC 7030 4.2.3, and RFC 9457 for all others. */
const FORMS: readonly Form[] = [
  {
    path: ACME,
    type: 'application/problem+json',
    body: JSON.stringify({ type: 'urn:ietf:params:acme:error:serverInternal', detail: DETAIL, status: 503 }),
  },
  { path: /^\/\.well-known\/est\//, type: 'text/plain; charset=utf-8', body: `${DETAIL}\n` },
  {
    path: /^/,
    type: 'application/problem+json',
    body: unnumberedProblem('overloaded', DETAIL),
  },
]

interface RefusalOptions {
  readonly close: boolean
  /** RFC 8555 6.5: what a client of ACME signs its next attempt with. */
  readonly nonce?: () => string
}

/** Answers a request of which nothing but its path was looked at: the cheapest answer that there is. */
export function refuse(path: string, response: ServerResponse, { close, nonce }: RefusalOptions): void {
  const { type, body } = FORMS.find((form) => form.path.test(path))!
  response.writeHead(503, {
    'retry-after': String(RETRY_AFTER),
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    ...(close ? { connection: 'close' } : {}),
    ...(nonce && ACME.test(path) ? { 'Replay-Nonce': nonce() } : {}),
  })
  response.end(body)
}
