import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { callForRenewal, type RenewalWish } from '../../acme/renewal-calls.ts'
import { parseDuration } from '../../config/duration.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { adminOf, originOf } from '../caller.ts'
import { readTime } from '../rfc3339.ts'
import { Duration, showTime, Time } from './schemas.ts'

const Body = Type.Object(
  {
    serialNumbers: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 80 }), {
        minItems: 1,
        maxItems: 1000,
        description: 'These certificates. Hexadecimal; any case, colons allowed.',
      }),
    ),
    authority: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        description: 'Instead: all that this authority has issued until now.',
      }),
    ),
    startsAt: Type.Optional(Time),
    within: Type.Optional(Duration),
    explanationUrl: Type.Optional(
      Type.String({
        pattern: '^https?://[\\x21-\\x7e]+$',
        maxLength: 1000,
        description: 'Of a page for people, which clients may show.',
      }),
    ),
  },
  { additionalProperties: false },
)

const CallView = Type.Object({
  certificates: Type.Integer({ description: 'How many are concerned.' }),
  startsAt: Time,
  endsAt: Time,
})

/** Word to ACME clients that certificates should be renewed before their time (RFC 9773). */
export const renewalCallRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (
  app,
  { service },
) => {
  app.post(
    '/v1/renewal-calls',
    {
      schema: {
        summary: 'Call for the renewal of certificates',
        description:
          'Clients that ask for renewal information are told to renew at a time of their choice between startsAt (now if absent) and "within" (1h if absent) after it. They ask every few hours. The newest call that concerns a certificate counts; none makes it later than its own time.',
        tags: ['acme'],
        body: Body,
        response: { 201: CallView },
      },
    },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { startsAt, within = '1h', explanationUrl = null } = request.body
      const wish: RenewalWish = {
        which: whichOf(request.body),
        startsAt: startsAt === undefined ? undefined : readTime(startsAt),
        within: parseDuration(within),
        explanationUrl,
      }
      const call = await callForRenewal(wish, admin, originOf(request), service)
      reply.code(201)
      return { ...call, startsAt: showTime(call.startsAt), endsAt: showTime(call.endsAt) }
    },
  )
}

function whichOf({
  serialNumbers,
  authority,
}: {
  serialNumbers?: string[]
  authority?: string
}): RenewalWish['which'] {
  if (serialNumbers && authority === undefined) return { serialNumbers }
  if (authority !== undefined && !serialNumbers) return { authority }
  throw new CaError('malformedRequest', 'Name either serialNumbers or an authority.')
}
