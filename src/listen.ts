import type { FastifyInstance } from 'fastify'
import type { Config } from './config/config.ts'
import { CaError } from './errors.ts'

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there already',
  EADDRNOTAVAIL: 'no interface of this machine has that address',
  EACCES: 'this user may not use that port',
  ENOTSUP:
    'this system cannot share a port between threads, which the option "workers" needs: set it to 0, its default',
  ENOTFOUND: 'the host name is not known',
}

/** Connections that the system holds for a turn of the event loop: beyond it a client's try is lost, and the next comes a second later. */
export const BACKLOG = 4096

/** Fastify binds each address of "localhost" by a server of its own, which has neither a certificate nor any bound of ours. */
export function bindAddress(host: string): string {
  return host === 'localhost' ? '127.0.0.1' : host
}

/** Binds an application; an address that cannot be had is a mistake in the configuration, and says so. */
export async function listen(
  app: FastifyInstance,
  { host }: Pick<Config, 'host'>,
  port: number,
): Promise<void> {
  try {
    await app.listen({ host: bindAddress(host), port, backlog: BACKLOG })
  } catch (cause) {
    throw listenFailure(cause as NodeJS.ErrnoException, host, port)
  }
}

/** A `CaError` that says what to change, where it is known. */
export function listenFailure(cause: NodeJS.ErrnoException, host: string, port: number): Error {
  const reason = REASONS[cause.code ?? '']
  if (reason === undefined) return cause
  return new CaError('badConfiguration', `Cannot listen on ${host} port ${port}: ${reason}.`, { cause })
}
