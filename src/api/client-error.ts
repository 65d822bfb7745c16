import type { Socket } from 'node:net'
import { http } from '../node-http.ts'
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

/** What is no HTTP, or fails in TLS behind the handshake, reaches no route and no error handler: it is answered on the socket, which is then closed. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  // A reset socket has nobody at its other end.
  if (error.code === 'ECONNRESET' || socket.destroyed) return
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
