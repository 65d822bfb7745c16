import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { auditEntry } from '../../ca/audit.ts'
import { PHASE_CHECKS } from '../../ca/hierarchy/phase-checks.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { adminOf, originOf } from '../caller.ts'
import { AuthorityView, showAuthority } from './authority-view.ts'
import { AuthorityParams, oneOf } from './schemas.ts'

const Phase = oneOf('staged', 'active', 'retired')
const CheckName = oneOf(...PHASE_CHECKS)

const Body = Type.Object(
  {
    phase: Phase,
    others: Type.Optional({
      ...Phase,
      description:
        'Where it becomes active: what becomes of the active authorities that it replaces, or that replace it. "retired" if absent.',
    }),
    force: Type.Optional(
      Type.Array(CheckName, {
        maxItems: PHASE_CHECKS.length,
        description: 'Checks that need not be well; the audit log says so. "key" always counts.',
      }),
    ),
    reason: Type.Optional(Type.String({ minLength: 1, maxLength: 500, description: 'For the audit log.' })),
    dryRun: Type.Optional(
      Type.Boolean({
        description: 'Changes nothing, and says how the checks stand, whether they are well or not.',
      }),
    ),
  },
  { additionalProperties: false },
)

const Report = Type.Object({
  changed: Type.Boolean(),
  becomesDefault: Type.Boolean(),
  moves: Type.Array(Type.Object({ id: Type.String(), from: Phase, to: Phase })),
  checks: Type.Array(Type.Object({ name: CheckName, ok: Type.Boolean(), detail: Type.String() })),
  authority: AuthorityView,
})

/** Staged, active, retired: the way of an authority, and back. */
export const authorityPhaseRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (
  app,
  { service },
) => {
  app.post(
    '/v1/authorities/:id/phase',
    {
      schema: {
        summary: 'Stage, activate or retire an authority',
        description:
          'A staged authority is published in bundles and issues nothing; an active one issues, for what it replaces as well; a retired one answers for what it issued. Checks come first: one that is not well is a conflict with a subproblem for each, and nothing changes.',
        tags: ['authorities'],
        params: AuthorityParams,
        body: Body,
        response: { 200: Report },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { id } = request.params
      const { phase, others = 'retired', force = [], reason, dryRun = false } = request.body
      const wish = { id, phase, others, force }
      const {
        action: _action,
        detail,
        ...audit
      } = auditEntry('', 'ok', id, admin, originOf(request), service.clock(), reason ? { reason } : {})
      const report = dryRun ? await service.phases.look(wish) : await service.phases.move(wish, audit, detail)
      const row = (await service.store.read.authorities()).find((one) => one.id === id)!
      return {
        changed: !dryRun,
        becomesDefault: report.becomesDefault,
        moves: [...report.moves],
        checks: [...report.checks],
        authority: showAuthority(row, service),
      }
    },
  )
}
