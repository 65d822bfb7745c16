import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { createExternalKey, revokeExternalKey } from '../../acme/external-accounts.ts'
import { epochSeconds } from '../../clock.ts'
import { parseDuration } from '../../config/duration.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { ExternalKeyRow } from '../../store/acme-queries.ts'
import { adminOf, originOf } from '../caller.ts'
import { PageQuery, readPage } from './paging.ts'
import { Duration, Nullable, oneOf, showTime, showTimeOrNull, Time } from './schemas.ts'

const Profiles = Type.Array(Type.String({ minLength: 1, maxLength: 63 }), { minItems: 1, maxItems: 100 })
const NamePatterns = Type.Array(Type.String({ minLength: 1, maxLength: 253 }), {
  minItems: 1,
  maxItems: 1000,
  description:
    '"example.test" for that domain and all below it, a network such as "10.0.0.0/8", or one address.',
})

const NewKey = Type.Object(
  {
    profiles: Type.Optional(Profiles),
    names: Type.Optional(NamePatterns),
    singleUse: Type.Optional(
      Type.Boolean({ description: 'Whether one account alone may be bound with it; true if absent.' }),
    ),
    ttl: Type.Optional(Duration),
  },
  { additionalProperties: false },
)

const CreatedKey = Type.Object({
  kid: Type.String(),
  hmacKey: Type.String({ description: 'base64url, as ACME clients take it. Shown this once.' }),
  expiresAt: Nullable(Time),
})

export const KeyLimits = {
  kid: Type.String(),
  profiles: Nullable(Profiles),
  names: Nullable(NamePatterns),
}
const KeyView = Type.Object({
  ...KeyLimits,
  singleUse: Type.Boolean(),
  state: oneOf('open', 'used', 'revoked', 'expired'),
  expiresAt: Nullable(Time),
  createdAt: Time,
  createdBy: Type.String(),
  usedAt: Nullable(Time),
  accounts: Type.Integer({ description: 'How many accounts were bound with it.' }),
})

/** Keys of external account binding (RFC 8555 7.3.4). */
export const eabKeyRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock } = service
  const tags = ['acme']

  app.post(
    '/v1/acme/eab-keys',
    {
      schema: {
        summary: 'Make a key with which an ACME account is bound',
        description: 'What is left out is not limited: every profile that ACME offers, any name, for ever.',
        tags,
        body: NewKey,
        response: { 201: CreatedKey },
      },
    },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { profiles = null, names = null, singleUse = true, ttl } = request.body
      const seconds = ttl === undefined ? null : parseDuration(ttl)
      if (seconds === 0) throw new CaError('malformedRequest', 'The key must live for at least one second.')
      const created = await createExternalKey(
        { profiles, names, singleUse, ttl: seconds },
        admin,
        originOf(request),
        service.acme.context,
      )
      reply.code(201).header('cache-control', 'no-store')
      return { ...created, expiresAt: showTimeOrNull(created.expiresAt) }
    },
  )

  app.get(
    '/v1/acme/eab-keys',
    {
      schema: {
        summary: 'List the keys of external account binding',
        description: 'Newest first; never their secrets.',
        tags,
        querystring: Type.Object(PageQuery, { additionalProperties: false }),
        response: { 200: Type.Object({ eabKeys: Type.Array(KeyView), next: Nullable(Type.String()) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { rows, next } = await store.read.listExternalKeys(readPage(request.query))
      const now = epochSeconds(clock())
      return { eabKeys: rows.map((row) => show(row, now)), next }
    },
  )

  app.delete(
    '/v1/acme/eab-keys/:kid',
    {
      schema: {
        summary: 'Revoke a key of external account binding',
        description:
          'No account is bound with it any more. Accounts that are bound already stay, within its limits: deactivate them where they should go too.',
        tags,
        params: Type.Object({ kid: Type.String({ pattern: '^[A-Za-z0-9_-]{1,64}$' }) }),
        response: { 200: Type.Object({ kid: Type.String(), changed: Type.Boolean() }) },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { kid } = request.params
      return { kid, ...(await revokeExternalKey(kid, admin, originOf(request), service)) }
    },
  )
}

function show(row: ExternalKeyRow, now: number): Static<typeof KeyView> {
  const { kid, profiles, names, singleUse, createdBy, accounts } = row
  return {
    ...{ kid, profiles, names, singleUse, createdBy, accounts },
    state: stateOf(row, now),
    expiresAt: showTimeOrNull(row.expiresAt),
    createdAt: showTime(row.createdAt),
    usedAt: showTimeOrNull(row.usedAt),
  }
}

function stateOf({ revokedAt, singleUse, usedAt, expiresAt }: ExternalKeyRow, now: number) {
  if (revokedAt !== null) return 'revoked'
  if (singleUse && usedAt !== null) return 'used'
  return expiresAt !== null && expiresAt <= now ? 'expired' : 'open'
}
