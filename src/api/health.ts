import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { rfc3339 } from '../clock.ts'
import Type from '../schema/build.ts'
import type { Service } from '../service.ts'
import { useOwnSerializer } from './lazy-compilers.ts'

const Check = Type.Object({
  name: Type.String(),
  ok: Type.Boolean(),
  reason: Type.Union([Type.String(), Type.Null()]),
  until: Type.Optional(Type.String({ description: 'When it lapses unless it is renewed. RFC 3339.' })),
})

/** `/healthz`: the process lives. `/readyz`: it can do its work, and if not, which part cannot. */
export const healthRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  useOwnSerializer(app)
  app.get(
    '/healthz',
    {
      schema: {
        summary: 'The process is alive',
        tags: ['operations'],
        response: { 200: Type.Object({ status: Type.Literal('ok') }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  )

  const Ready = Type.Object({
    status: Type.Union([Type.Literal('ready'), Type.Literal('not ready')]),
    checks: Type.Array(Check),
  })
  app.get(
    '/readyz',
    {
      schema: {
        summary: 'Every part can do its work',
        tags: ['operations'],
        response: { 200: Ready, 503: Ready },
      },
    },
    async (_request, reply) => {
      const checks = service.health()
      const ready = checks.every((check) => check.ok)
      reply.code(ready ? 200 : 503).header('cache-control', 'no-store')
      return {
        status: ready ? ('ready' as const) : ('not ready' as const),
        checks: checks.map(({ until, ...check }) => ({
          ...check,
          ...(until === undefined ? {} : { until: rfc3339(until) }),
        })),
      }
    },
  )
}
