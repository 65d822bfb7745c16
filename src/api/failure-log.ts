import type { Server } from 'node:http'
import type { FastifyRequest } from 'fastify'
import { CaError } from '../errors.ts'
import { TallyByKind } from './overload/tally-by-kind.ts'

/** By listener. Kinds are the codes of errors. */
const tallies = new WeakMap<Server, TallyByKind>()

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
  const kind = error instanceof CaError ? error.code : error.name
  tallyOf(request.server.server as Server).add(kind, (requests) => tell({ requests }))
}

function tallyOf(server: Server): TallyByKind {
  const known = tallies.get(server)
  if (known) return known
  const made = new TallyByKind()
  tallies.set(server, made)
  server.once('close', () => made.stop())
  return made
}
