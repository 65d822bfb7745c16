import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { createToken, LONGEST_TOKEN } from '../../auth/tokens.ts'
import { auditEntry } from '../../ca/audit.ts'
import { isInternal } from '../../ca/internal-profiles.ts'
import { stateOf } from '../../ca/waiting-requests.ts'
import { epochSeconds } from '../../clock.ts'
import { parseDuration } from '../../config/duration.ts'
import { CaError } from '../../errors.ts'
import { nameText } from '../../pki/names/san.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { TokenRow } from '../../store/queries.ts'
import { adminOf, originOf } from '../caller.ts'
import { PageQuery, readPage } from './paging.ts'
import {
  Duration,
  IdParams,
  Names,
  Nullable,
  oneOf,
  readNames,
  SerialNumber,
  showNames,
  showTime,
  Time,
  WantedNames,
} from './schemas.ts'

const NewToken = Type.Object(
  {
    profile: Type.Optional(Type.String({ minLength: 1, maxLength: 63 })),
    names: WantedNames,
    ttl: Type.Optional(Duration),
  },
  { additionalProperties: false },
)
const Facts = {
  id: Type.Integer(),
  profile: Type.String(),
  names: Names,
  expiresAt: Time,
}
const CreatedToken = Type.Object({ token: Type.String({ description: 'Shown this once.' }), ...Facts })
const TokenView = Type.Object({
  ...Facts,
  state: oneOf('open', 'pending', 'spent', 'revoked', 'expired'),
  createdAt: Time,
  createdBy: Type.String(),
  spentOn: Nullable(SerialNumber),
})

/** One-time enrolment tokens. */
export const tokenRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock, profiles } = service
  const tags = ['tokens']

  app.post(
    '/v1/tokens',
    { schema: { summary: 'Make an enrolment token', tags, body: NewToken, response: { 201: CreatedToken } } },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { profile = service.config.defaultProfile, ttl = '1h' } = request.body
      const known = [...profiles.keys()].filter((name) => !isInternal(name))
      if (!known.includes(profile)) {
        throw new CaError('unknownProfile', `There is no profile "${profile}". Known: ${known.join(', ')}.`)
      }
      const names = readNames(request.body.names)
      const seconds = parseDuration(ttl)
      const audit = auditEntry('token.create', 'ok', '', admin, originOf(request), clock(), {
        profile,
        names: names.map(nameText),
      })
      const created = await createToken({ profile, names, ttl: seconds }, admin, audit, service)
      reply.code(201).header('cache-control', 'no-store')
      return {
        id: created.tokenId,
        token: created.token,
        expiresAt: showTime(created.expiresAt),
        profile,
        names: showNames(names),
      }
    },
  )

  app.get(
    '/v1/tokens',
    {
      schema: {
        summary: 'List enrolment tokens',
        description: `Newest first. A token lives for at most ${LONGEST_TOKEN / 86_400} days.`,
        tags,
        querystring: Type.Object(PageQuery, { additionalProperties: false }),
        response: {
          200: Type.Object({ tokens: Type.Array(TokenView), next: Nullable(Type.String()) }),
        },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { rows, next } = await store.read.listTokens(readPage(request.query))
      const now = epochSeconds(clock())
      return { tokens: rows.map((row) => show(row, now)), next }
    },
  )

  app.delete(
    '/v1/tokens/:id',
    {
      schema: {
        summary: 'Revoke an enrolment token',
        tags,
        params: IdParams,
        response: { 200: Type.Object({ id: Type.Integer(), changed: Type.Boolean() }) },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const tokenId = Number(request.params.id)
      const audit = auditEntry('token.revoke', 'ok', String(tokenId), admin, originOf(request), clock())
      const { changed } = await store.write('revokeToken', { tokenId, at: epochSeconds(clock()), audit })
      return { id: tokenId, changed }
    },
  )
}

function show(row: TokenRow, now: number) {
  const state =
    row.spentAt !== null
      ? 'spent'
      : row.revokedAt !== null
        ? 'revoked'
        : row.request && stateOf(row.request, now) === 'pending'
          ? 'pending'
          : row.expiresAt <= now
            ? 'expired'
            : 'open'
  return {
    id: row.tokenId,
    profile: row.profile,
    names: showNames(row.names),
    expiresAt: showTime(row.expiresAt),
    state: state as 'spent' | 'revoked' | 'pending' | 'expired' | 'open',
    createdAt: showTime(row.createdAt),
    createdBy: row.createdBy,
    spentOn: row.spentOn,
  }
}
