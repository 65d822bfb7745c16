import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { newAdminKey, rotateAdminKey } from '../../auth/admin-keys.ts'
import { auditEntry } from '../../ca/audit.ts'
import { epochSeconds } from '../../clock.ts'
import { parseDuration } from '../../config/duration.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { AdminKeyRow } from '../../store/queries.ts'
import { adminOf, originOf } from '../caller.ts'
import { mayBeEmpty } from './own-parsing.ts'
import { Duration, IdParams, Nullable, oneOf, showTime, showTimeOrNull, Time } from './schemas.ts'

const RoleName = oneOf('admin', 'operator', 'auditor')
const Name = Type.String({
  minLength: 1,
  maxLength: 63,
  description: 'As the audit log says it ("admin:ops"): lower-case letters, digits and hyphens.',
})
const NewKey = Type.Object({ name: Name, role: RoleName }, { additionalProperties: false })
const Secret = Type.String({ description: 'Shown this once.' })
const Facts = { id: Type.Integer(), name: Type.String(), role: RoleName }
const CreatedKey = Type.Object({ ...Facts, key: Secret })
const Rotation = Type.Object(
  { grace: Type.Optional(Duration) },
  { additionalProperties: false, description: 'For how long the former secret goes on to count; absent: 0.' },
)
const RotatedKey = Type.Object({ ...Facts, key: Secret, formerUntil: Nullable(Time) })
const KeyView = Type.Object({
  ...Facts,
  createdAt: Time,
  createdBy: Type.String(),
  rotatedAt: Nullable(Time),
  formerUntil: Nullable(Time),
  lastUsedAt: Nullable(Time),
  revokedAt: Nullable(Time),
})

/** Keys of those who administer the service. */
export const adminKeyRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock } = service
  const tags = ['admin keys']

  async function known(text: string): Promise<AdminKeyRow> {
    const row = await store.read.adminKey(Number(text))
    if (!row) throw new CaError('notFound', `There is no admin key ${text}.`)
    return row
  }

  app.get(
    '/v1/admin-keys',
    {
      schema: {
        summary: 'List admin keys',
        description: 'All that there ever were, the oldest first; lastUsedAt is right to a minute.',
        tags,
        response: { 200: Type.Object({ adminKeys: Type.Array(KeyView) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      return { adminKeys: (await store.read.adminKeys()).map(show) }
    },
  )

  app.post(
    '/v1/admin-keys',
    { schema: { summary: 'Make an admin key', tags, body: NewKey, response: { 201: CreatedKey } } },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { name, role } = request.body
      const audit = auditEntry('admin-key.create', 'ok', name, admin, originOf(request), clock())
      const { id, secret } = await newAdminKey({ name, role }, audit, store)
      reply.code(201).header('cache-control', 'no-store')
      return { id, name, role, key: secret }
    },
  )

  app.post(
    '/v1/admin-keys/:id/rotate',
    {
      schema: {
        summary: 'Give an admin key a new secret',
        tags,
        params: IdParams,
        body: Rotation,
        response: { 200: RotatedKey },
      },
      preValidation: mayBeEmpty,
    },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { id, name, role } = await known(request.params.id)
      const { grace = 0 } = request.body
      const seconds = parseDuration(grace)
      const audit = auditEntry('admin-key.rotate', 'ok', name, admin, originOf(request), clock(), {
        grace: seconds,
      })
      const { secret, formerUntil } = await rotateAdminKey({ id, grace: seconds }, audit, store)
      reply.header('cache-control', 'no-store')
      return { id, name, role, key: secret, formerUntil: showTimeOrNull(formerUntil) }
    },
  )

  app.delete(
    '/v1/admin-keys/:id',
    {
      schema: {
        summary: 'Revoke an admin key',
        description: 'With it end the sessions that it opened. The last one with the role "admin" stays.',
        tags,
        params: IdParams,
        response: { 200: Type.Object({ id: Type.Integer(), changed: Type.Boolean() }) },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { id, name } = await known(request.params.id)
      const audit = auditEntry('admin-key.revoke', 'ok', name, admin, originOf(request), clock())
      const at = epochSeconds(clock())
      const { changed } = await store.write('revokeAdminKey', { id, at, keepAdmin: true, audit })
      return { id, changed }
    },
  )
}

function show(row: AdminKeyRow) {
  const { id, name, role, createdBy } = row
  return {
    ...{ id, name, role, createdBy },
    createdAt: showTime(row.createdAt),
    rotatedAt: showTimeOrNull(row.rotatedAt),
    formerUntil: showTimeOrNull(row.formerUntil),
    lastUsedAt: showTimeOrNull(row.lastUsedAt),
    revokedAt: showTimeOrNull(row.revokedAt),
  }
}
