import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { epochSeconds } from '../../clock.ts'
import { reasonCode } from '../../pki/crl/reasons.ts'
import { normaliseSerial } from '../../pki/serial-number.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { RevocationOutcome } from '../../store/commands.ts'
import type { CertificateFilter } from '../../store/queries.ts'
import { adminOf, originOf, principalOf } from '../caller.ts'
import { readTime } from '../rfc3339.ts'
import { showRevocation } from './certificate-view.ts'
import { mayBeEmpty } from './own-parsing.ts'
import {
  Nullable,
  ReasonName,
  Revocation,
  readSearchedName,
  SerialNumber,
  SerialParams,
  Time,
} from './schemas.ts'

const Wish = {
  reason: Type.Optional(Type.Union([ReasonName, Type.Integer({ description: 'Or its code.' })])),
  invalidityDate: Type.Optional(Time),
}
const RevokeBody = Type.Object(Wish, { additionalProperties: false })
const Outcome = Type.Object({
  serialNumber: SerialNumber,
  authority: Type.String(),
  changed: Type.Boolean({ description: 'False where it was revoked before: the first facts stand.' }),
  revocation: Nullable(Revocation),
})

const BulkBody = Type.Object(
  {
    filter: Type.Object(
      {
        authority: Type.Optional(Type.String()),
        profile: Type.Optional(Type.String()),
        name: Type.Optional(
          Type.String({ description: 'A whole name, or "*.example.test" for all below a domain.' }),
        ),
        principal: Type.Optional(Type.String()),
        issuedBefore: Type.Optional(Time),
        issuedAfter: Type.Optional(Time),
      },
      { additionalProperties: false, minProperties: 1 },
    ),
    ...Wish,
    dryRun: Type.Optional(
      Type.Boolean({ description: 'True unless said otherwise: first see what would be revoked.' }),
    ),
  },
  { additionalProperties: false },
)
const BulkOutcome = Type.Object({
  dryRun: Type.Boolean(),
  matched: Type.Integer(),
  revoked: Type.Integer(),
  serialNumbers: Type.Array(SerialNumber, { description: 'The first of those that match.' }),
})

/** Counting stops here: "more than that" is all one needs to know. */
const COUNT_LIMIT = 1_000_000

/** Revocation, by an admin or by the certificate itself over mutual TLS. */
export const revokeRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const tags = ['revocation']

  app.post(
    '/v1/certificates/:serial/revoke',
    {
      schema: {
        summary: 'Revoke a certificate',
        tags,
        params: SerialParams,
        body: RevokeBody,
        response: { 200: Outcome },
      },
      preValidation: mayBeEmpty,
    },
    async (request) => {
      const principal = await principalOf(request, service)
      const serialNumber = normaliseSerial(request.params.serial)
      return show(
        serialNumber,
        await service.revoker.revoke(serialNumber, readWish(request.body), principal, originOf(request)),
      )
    },
  )

  app.post(
    '/v1/certificates/:serial/release',
    { schema: { summary: 'Lift a hold', tags, params: SerialParams, response: { 200: Outcome } } },
    async (request) => {
      const principal = await adminOf(request, service)
      const serialNumber = normaliseSerial(request.params.serial)
      return show(serialNumber, await service.revoker.release(serialNumber, principal, originOf(request)))
    },
  )

  app.post(
    '/v1/certificates/revoke',
    {
      schema: {
        summary: 'Revoke every certificate that matches',
        tags,
        body: BulkBody,
        response: { 200: BulkOutcome },
      },
    },
    async (request) => {
      const principal = await adminOf(request, service)
      const { filter: given, dryRun = true } = request.body
      const { issuedBefore, issuedAfter, name, ...rest } = given
      const filter: CertificateFilter = {
        ...rest,
        ...(name === undefined ? {} : { name: readSearchedName(name) }),
        ...(issuedBefore === undefined ? {} : { issuedBefore: readTime(issuedBefore) }),
        ...(issuedAfter === undefined ? {} : { issuedAfter: readTime(issuedAfter) }),
        now: epochSeconds(service.clock()),
      }
      const wish = readWish(request.body)
      const { matched, sample } = await service.revoker.preview(filter, COUNT_LIMIT)
      const revoked = dryRun ? 0 : await service.revoker.revokeAll(filter, wish, principal, originOf(request))
      return { dryRun, matched, revoked, serialNumbers: sample }
    },
  )
}

function readWish({
  reason = 'unspecified',
  invalidityDate,
}: {
  reason?: string | number
  invalidityDate?: string
}) {
  return {
    reason: reasonCode(reason),
    invalidityDate: invalidityDate === undefined ? null : readTime(invalidityDate),
  }
}

function show(serialNumber: string, { authority, changed, revocation }: RevocationOutcome) {
  return { serialNumber, authority, changed, revocation: showRevocation(revocation) }
}
