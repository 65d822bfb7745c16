import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Principal } from '../../auth/principal.ts'
import { auditEntry, isAudited } from '../../ca/audit.ts'
import type { Service } from '../../service.ts'
import { applicantOf, originOf } from '../caller.ts'
import { asCaError, PROBLEMS } from '../problems.ts'

/**
 * Puts on record what a known caller wanted to change and was refused, where the domain has not done so already.
 * Strangers, and holders of spent tokens, are in the request log alone: they could fill the database.
 */
export function auditRefusals(app: FastifyInstance, service: Service): void {
  app.addHook('onError', async (request, reply, error) => {
    const { code, detail } = asCaError(error, reply)
    const isRead = request.method === 'GET' || request.method === 'HEAD'
    // What comes too often would be as many rows.
    if (isRead || PROBLEMS[code].status >= 500 || code === 'rateLimited' || isAudited(error)) return
    const principal = await knownCaller(request, service)
    if (!principal) return
    const target = Object.values(request.params as Record<string, string>)[0] ?? ''
    const wanted = `${request.method} ${request.routeOptions.url ?? ''}`
    const facts = { code, detail: detail.slice(0, 1000), wanted }
    const entry = auditEntry(
      'request.refuse',
      'refused',
      target.slice(0, 80),
      principal,
      originOf(request),
      service.clock(),
      facts,
    )
    // The caller hears of its own fault, not of ours.
    await service.store
      .write('audit', entry)
      .catch((err: unknown) => request.log.error({ err }, 'A refusal could not be audited'))
  })
}

async function knownCaller(request: FastifyRequest, service: Service): Promise<Principal | null> {
  const principal = await applicantOf(request, service).catch(() => null)
  return principal?.kind === 'token' && principal.token.spentOn !== null ? null : principal
}
