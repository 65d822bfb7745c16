import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import { pipeline } from 'node:stream'
import { OCSP_RESPONSE } from '../api/ocsp.ts'
import { unnumberedProblem } from '../api/problems.ts'
import { http } from '../node-http.ts'
import { encodeOcspError } from '../ocsp/response.ts'

/** Of one connection, not of the message (RFC 9110 7.6.1); and what would tell another client's address than the socket's. */
const LEFT_OUT =
  /^(?:connection|keep-alive|proxy-connection|te|trailer|upgrade|expect|(?:x-)?forwarded(?:-.*)?)$/i

interface ForwardOptions {
  readonly socketPath: string
  /** Connections stay for further requests as long as it says so. */
  readonly isOpen: () => boolean
  /** Hears why a client that waits gets no answer of the main thread's. */
  readonly onError: (error: Error) => void
}

/** Has the main thread answer, over its Unix socket, with the client's address in X-Forwarded-For. */
export function forwardTo({ socketPath, isOpen, onError }: ForwardOptions): RequestListener {
  // As many as clients ask for: those who read slowly must not hold up the others.
  const agent = new http.Agent({ keepAlive: true })
  return (request, response) => {
    const { method, url } = request
    const headers = [...kept(request), 'x-forwarded-for', request.socket.remoteAddress ?? '']
    // HTTP/1.0 has no such field, which 1.1 demands: empty where there is none (RFC 9110 7.2).
    if (request.headers.host === undefined) headers.push('host', '')
    const forwarded = http.request({ socketPath, agent, method, path: url, headers, setHost: false })
    const fail = (error: Error) => {
      // It is given up where the client went away.
      if (response.destroyed) return
      onError(error)
      if (!isOpen()) response.shouldKeepAlive = false
      if (response.headersSent) response.destroy()
      else sendUnavailable(request, response)
    }
    forwarded.on('error', fail)
    forwarded.on('response', (answer) => {
      if (!isOpen()) response.shouldKeepAlive = false
      response.writeHead(answer.statusCode!, answer.statusMessage, kept(answer, /^transfer-encoding$/i))
      pipeline(answer, response, () => {})
    })
    // Who went away is waited for no longer; and who sends on behind his answer, as with a body that is too large, is read and not heard.
    response.once('close', () => {
      forwarded.destroy()
      request.unpipe()
      request.resume()
    })
    // An error of either side ends the other through the events above.
    request.on('error', () => forwarded.destroy())
    request.pipe(forwarded)
  }
}

/**
 * Names and values by turns. How long the body is stays. That a request came in chunks does, too, for who sends it on; whether an
 * answer can be sent so is for the client's version to say.
 */
function kept({ rawHeaders }: IncomingMessage, butNot?: RegExp): string[] {
  const headers: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    if (LEFT_OUT.test(rawHeaders[i]!) || butNot?.test(rawHeaders[i]!)) continue
    headers.push(rawHeaders[i]!, rawHeaders[i + 1]!)
  }
  return headers
}

/** The main thread does not answer. An OCSP client can read nothing but OCSP. */
function sendUnavailable({ url = '' }: IncomingMessage, response: ServerResponse): void {
  if (/^\/ocsp(?:[/?]|$)/.test(url)) {
    const der = encodeOcspError('tryLater')
    response.writeHead(200, {
      'cache-control': 'no-store',
      'content-type': OCSP_RESPONSE,
      'content-length': der.length,
    })
    response.end(der)
    return
  }
  const problem = unnumberedProblem('overloaded', 'The service does not answer at present. Try again.')
  response.writeHead(503, { 'content-type': 'application/problem+json', 'retry-after': '5' })
  response.end(problem)
}
