import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { auditEntry } from '../../ca/audit.ts'
import { epochSeconds } from '../../clock.ts'
import { parseDuration } from '../../config/duration.ts'
import { createEstUser } from '../../est/users.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { EstUserRow } from '../../store/queries.ts'
import { adminOf, originOf } from '../caller.ts'
import { PageQuery, readPage } from './paging.ts'
import { Duration, Nullable, oneOf, showTime, showTimeOrNull, Time } from './schemas.ts'

const Patterns = Type.Array(Type.String({ minLength: 1, maxLength: 300 }), {
  maxItems: 100,
  description: 'Domains (each with all below it), addresses and networks that may be enrolled.',
})
const NewUser = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 63 }),
    label: Type.Optional(
      Type.String({ minLength: 1, maxLength: 63, description: 'The only label that it opens.' }),
    ),
    names: Type.Optional(Patterns),
    ttl: Type.Optional(Duration),
  },
  { additionalProperties: false },
)
const Facts = {
  name: Type.String(),
  label: Nullable(Type.String()),
  names: Nullable(Patterns),
  expiresAt: Nullable(Time),
}
const CreatedUser = Type.Object({ password: Type.String({ description: 'Shown this once.' }), ...Facts })
const State = oneOf('open', 'revoked', 'expired')
const UserView = Type.Object({ ...Facts, state: State, createdAt: Time, createdBy: Type.String() })

/** Who may enrol over EST by name and password. */
export const estUserRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock } = service
  const tags = ['est']

  app.post(
    '/v1/est/users',
    { schema: { summary: 'Make an EST user', tags, body: NewUser, response: { 201: CreatedUser } } },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { name, label = null, names = null, ttl } = request.body
      const wish = { name, label, names, ttl: ttl === undefined ? null : parseDuration(ttl) }
      const { password } = await createEstUser(wish, admin, originOf(request), service)
      reply.code(201).header('cache-control', 'no-store')
      return { password, ...showFacts((await store.read.estUser(name))!) }
    },
  )

  app.get(
    '/v1/est/users',
    {
      schema: {
        summary: 'List EST users',
        tags,
        querystring: Type.Object(PageQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ users: Type.Array(UserView), next: Nullable(Type.String()) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { rows, next } = await store.read.listEstUsers(readPage(request.query))
      const now = epochSeconds(clock())
      return { users: rows.map((row) => show(row, now)), next }
    },
  )

  app.delete(
    '/v1/est/users/:name',
    {
      schema: {
        summary: 'Revoke an EST user',
        tags,
        params: Type.Object({ name: Type.String({ minLength: 1, maxLength: 63 }) }),
        response: { 200: Type.Object({ name: Type.String(), changed: Type.Boolean() }) },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { name } = request.params
      const now = clock()
      const audit = auditEntry('estUser.revoke', 'ok', name, admin, originOf(request), now)
      const { changed } = await store.write('revokeEstUser', { name, at: epochSeconds(now), audit })
      return { name, changed }
    },
  )
}

function showFacts({ name, label, names, expiresAt }: EstUserRow) {
  return { name, label, names, expiresAt: showTimeOrNull(expiresAt) }
}

function show(row: EstUserRow, now: number) {
  return {
    ...showFacts(row),
    state: stateOf(row, now),
    createdAt: showTime(row.createdAt),
    createdBy: row.createdBy,
  }
}

function stateOf({ revokedAt, expiresAt }: EstUserRow, now: number): 'open' | 'revoked' | 'expired' {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'open'
}
