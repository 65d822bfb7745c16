import { Readable } from 'node:stream'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { exportAudit } from '../../ca/audit-chain/export.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { AuditFilter } from '../../store/queries.ts'
import { adminOf } from '../caller.ts'
import { readMilliseconds } from '../rfc3339.ts'
import { PageQuery, readPage, SHORT_PAGES } from './paging.ts'
import { Nullable, Time } from './schemas.ts'

const Text = Type.Optional(Type.String({ minLength: 1, maxLength: 200 }))

const Query = Type.Object(
  {
    actor: Text,
    action: Text,
    target: Text,
    from: Type.Optional(Time),
    to: Type.Optional(Time),
    ...PageQuery,
  },
  { additionalProperties: false },
)

const RowId = Type.String({
  pattern: '^[0-9]{1,15}$',
  description: 'The id of the row that it begins behind.',
})

const AuditView = Type.Object({
  id: Type.Integer(),
  at: Time,
  actor: Type.String(),
  address: Type.String(),
  requestId: Type.String(),
  action: Type.String(),
  target: Type.String(),
  result: Type.String(),
  detail: Type.Record(Type.String(), Type.Unknown()),
})

/** Who did what, newest first. */
export const auditRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  app.get(
    '/v1/audit',
    {
      schema: {
        summary: 'Read the audit log',
        description: SHORT_PAGES,
        tags: ['audit'],
        querystring: Query,
        response: {
          200: Type.Object({
            entries: Type.Array(AuditView),
            next: Nullable(Type.String()),
          }),
        },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { actor, action, target, from, to } = request.query
      const filter: AuditFilter = {
        ...(actor === undefined ? {} : { actor }),
        ...(action === undefined ? {} : { action }),
        ...(target === undefined ? {} : { target }),
        ...(from === undefined ? {} : { from: readMilliseconds(from) }),
        ...(to === undefined ? {} : { to: readMilliseconds(to) }),
      }
      const { rows, next } = await service.store.read.listAudit(filter, readPage(request.query))
      return { entries: rows.map((row) => ({ ...row, at: new Date(row.at).toISOString() })), next }
    },
  )

  app.get(
    '/v1/audit/export',
    {
      schema: {
        summary: 'The audit log as JSON lines, with the hash of each row and the heads that were signed',
        description:
          'The oldest row first, as "chancery audit verify" proves them. Each line has a type: start, row, certificate, head, end; without the last one it is not whole.',
        tags: ['audit'],
        querystring: Type.Object({ after: Type.Optional(RowId) }, { additionalProperties: false }),
      },
    },
    async (request, reply) => {
      await adminOf(request, service)
      const lines = exportAudit(service.store.read, Number(request.query.after ?? 0))
      // What is refused is refused before the answer has begun.
      const first = await lines.next()
      const all = async function* () {
        // Fastify would read all of it to send none.
        if (request.method === 'HEAD') return
        if (!first.done) yield first.value
        yield* lines
      }
      reply.header('cache-control', 'no-store').type('application/jsonl')
      return reply.send(Readable.from(all(), { objectMode: false }))
    },
  )
}
