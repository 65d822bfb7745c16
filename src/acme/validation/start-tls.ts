import { isIP, type Socket } from 'node:net'
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import type { Deadline } from './deadline.ts'
import { ValidationFailure } from './failure.ts'

/**
 * TLS 1.2 or later over a connection. Unless `rejectUnauthorized` is true, without trust in what certificate comes: the caller
 * looks at it. `ValidationFailure` "tls" where the handshake fails. `what` names the other end. The socket is destroyed on failure.
 */
export function startTls(
  socket: Socket,
  what: string,
  {
    servername,
    ...options
  }: Pick<ConnectionOptions, 'ALPNProtocols' | 'ca' | 'rejectUnauthorized'> & { servername: string },
  deadline: Deadline,
): Promise<TLSSocket> {
  const { signal } = deadline
  return new Promise((resolve, reject) => {
    const stream = connect({
      rejectUnauthorized: false,
      ...options,
      socket,
      // What a certificate is compared with where there is no server name.
      host: servername,
      // RFC 6066 3: an address is no server name.
      ...(isIP(servername) === 0 ? { servername } : {}),
      minVersion: 'TLSv1.2',
    })
    const fail = (error: unknown) => {
      signal.removeEventListener('abort', stop)
      stream.destroy()
      socket.destroy()
      reject(error)
    }
    const stop = () => fail(deadline.reason('connection', `The TLS handshake with ${what} was not done`))
    signal.addEventListener('abort', stop, { once: true })
    stream.once('secureConnect', () => {
      signal.removeEventListener('abort', stop)
      resolve(stream)
    })
    stream.on('error', (error: NodeJS.ErrnoException) =>
      fail(
        new ValidationFailure(
          'tls',
          `The TLS handshake with ${what} fails (${error.code ?? 'no reason given'}).`,
          'unreachable',
          error,
        ),
      ),
    )
    if (signal.aborted) stop()
  })
}

/** Ends TLS as one should: with TLS 1.3 the other end has only now seen the handshake through, and may log anything else as an error. */
export function hangUp(stream: TLSSocket, { signal }: Deadline): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done)
      resolve()
    }
    if (signal.aborted || stream.destroyed) {
      done()
      return
    }
    signal.addEventListener('abort', done, { once: true })
    stream.once('close', done)
    stream.end(done)
  })
}
