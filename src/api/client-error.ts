import type { ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { http } from '../node-http.ts'
import { attached } from './attached.ts'
import { unnumberedProblem } from './problems.ts'

const FAULTS: Readonly<Record<string, { status: number; detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: 408, detail: 'The request did not arrive in time. Send it again.' },
  HPE_HEADER_OVERFLOW: { status: 431, detail: 'The headers are larger than 16 KiB together. Send fewer.' },
  ERR_TLS_RENEGOTIATION_DISABLED: {
    status: 400,
    detail: 'A connection has one TLS handshake here: show the client certificate in that of a new one.',
  },
  // The handshake goes by, and OpenSSL remembers at the first octet behind it.
  ERR_SSL_INVALID_CERTIFICATE: {
    status: 400,
    detail: 'The client certificate has an extension that OpenSSL cannot read: show another, or none.',
  },
}
const NO_HTTP = { status: 400, detail: 'What was sent cannot be read as an HTTP request.' }

const waiting = attached<Socket, true>('answers before what cannot be read')

/**
 * What is no HTTP, or fails in TLS behind the handshake, reaches no route and no error handler: it is answered on the socket, which is
 * then closed. Requests that came before it on the connection have their answers first, and whole (RFC 9112 9.3.2): in their place it would say of an enrolment that
 * is on record that nothing was understood.
 */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // A reset socket has nobody at its other end. And whatever else comes is no HTTP either.
  if (error.code === 'ECONNRESET' || socket.destroyed || waiting.get(socket)) return
  const answer = answerUnderWay(socket)
  if (!answer) {
    refuse(error, socket)
    return
  }
  waiting.set(socket, true)
  const goOn = () => {
    const next = answerUnderWay(socket)
    if (next) next.once('finish', goOn)
    // That may have been the last one that the client wanted.
    else if (socket.writable) refuse(error, socket)
  }
  // Not "close": a worker's answers have as many listeners for that as Node takes without a warning. Where one is cut off there is
  // nobody to tell.
  answer.once('finish', goOn)
}

/** Null too where it is the body of that very request that cannot be read, and nothing was answered yet. */
function answerUnderWay(socket: Socket): ServerResponse | null {
  // Node's own: of the requests on this connection that are not answered, the first.
  const { _httpMessage: response } = socket as { _httpMessage?: ServerResponse | null }
  return response && (response.req.complete || response.headersSent) ? response : null
}

function refuse(error: Error & { code?: string }, socket: Socket): void {
  const { status, detail } = (Object.hasOwn(FAULTS, error.code ?? '') && FAULTS[error.code!]) || NO_HTTP
  if (!socket.writable) {
    socket.destroy(error)
    return
  }
  const body = unnumberedProblem('malformedRequest', detail, status)
  // Destroyed only once the answer has gone out: over TLS it is not yet when this returns.
  socket.end(
    `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nConnection: close\r\nContent-Type: application/problem+json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    () => socket.destroy(error),
  )
}
