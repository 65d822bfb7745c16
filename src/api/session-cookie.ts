import type { FastifyRequest } from 'fastify'
import { CaError } from '../errors.ts'
import { hostOf } from './host.ts'

/** The prefix makes browsers take it from this host alone, over TLS, for every path (RFC 6265bis 4.1.3.2). */
const NAME = '__Host-chancery-session'

const ATTRIBUTES = 'HttpOnly; Secure; SameSite=Strict; Path=/'

/** Set-Cookie for a session that was opened. It ends with the browser, or when the service says so. */
export function sessionCookie(secret: string): string {
  return `${NAME}=${secret}; ${ATTRIBUTES}`
}

/** Set-Cookie that makes the browser forget it. */
export function expiredCookie(): string {
  return `${NAME}=; ${ATTRIBUTES}; Max-Age=0`
}

/** The session's secret; null where there is none, or where an Authorization header says who is asking. */
export function sessionSecret(request: FastifyRequest): string | null {
  return request.headers.authorization === undefined ? cookieValue(request, NAME) : null
}

/** The value of a cookie, null for an empty one. Throws `CaError` "malformedRequest" where it stands twice. */
export function cookieValue({ headers }: FastifyRequest, wanted: string): string | null {
  const found = (headers.cookie ?? '').split(';').flatMap((part) => {
    const [name, ...value] = part.trim().split('=')
    return name === wanted ? [value.join('=')] : []
  })
  if (found.length > 1)
    throw new CaError('malformedRequest', `The cookie ${wanted} stands twice: sign in again.`)
  return found[0] || null
}

/** Browsers send the cookie with every request: what changes something must show that the console made it. Throws "forbidden". */
export function refuseForgedRequest(request: FastifyRequest): void {
  const isRead = request.method === 'GET' || request.method === 'HEAD'
  if (!isRead && request.headers['x-chancery-console'] !== '1') {
    throw new CaError(
      'forbidden',
      'A session changes something only with the header "X-Chancery-Console: 1".',
    )
  }
  refuseOtherSites(request, isRead)
}

/** Throws `CaError` "forbidden" for what a page of another origin makes a browser send. `typed`: or somebody in its address bar. */
export function refuseOtherSites(request: FastifyRequest, typed = false): void {
  const { headers } = request
  const { origin } = headers
  const site = headers['sec-fetch-site']
  const sameSite = site === undefined || site === 'same-origin' || (typed && site === 'none')
  const sameOrigin = origin === undefined || origin === `https://${hostOf(request)}`
  if (!sameSite || !sameOrigin)
    throw new CaError('forbidden', 'A page of another origin may not use a session here.')
}
