import type { Server } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { CaError } from '../errors.ts'
import { Tally } from './overload/tally.ts'

/** What is told of together, by one of its errors. */
interface Shared {
  readonly tally: Tally
  tell: (requests: number) => void
}

/** By listener, then by the code of the error. */
const shared = new WeakMap<Server, Map<string, Shared>>()

/**
 * Logs what the service failed in. A failure that meets all who come, such as a full disk or too much to do, has a line at once, and
 * then one with the last of them every ten seconds: a line each, with its stack, would cost more than the refusal, and fill the disk.
 */
export function logFailure(
  request: FastifyRequest,
  status: number,
  error: Error,
  cause: unknown = error,
): void {
  const tell = (facts: object) => request.log.error({ err: cause, ...facts }, error.message)
  if (status !== 503) {
    tell({})
    return
  }
  const one = sharedOf(request.server.server as Server, error instanceof CaError ? error.code : error.name)
  one.tell = (requests) => tell({ requests })
  one.tally.add()
}

function sharedOf(server: Server, code: string): Shared {
  const ofServer = shared.get(server) ?? new Map<string, Shared>()
  shared.set(server, ofServer)
  const known = ofServer.get(code)
  if (known) return known
  const made: Shared = { tally: new Tally((requests) => made.tell(requests)), tell: () => {} }
  ofServer.set(code, made)
  server.once('close', () => made.tally.stop())
  return made
}
