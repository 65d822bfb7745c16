import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { authorizationStatus } from '../../acme/authorization-status.ts'
import { orderNow } from '../../acme/finalize.ts'
import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { parseNameText } from '../../pki/names/normalise.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { AcmeAuthorizationRow, AcmeOrderRow } from '../../store/acme-queries.ts'
import { adminOf } from '../caller.ts'
import { PageQuery, readPage } from './paging.ts'
import {
  IdParams,
  IdText,
  Names,
  Nullable,
  oneOf,
  SerialNumber,
  showNames,
  showTime,
  showTimeOrNull,
  Time,
} from './schemas.ts'

const AcmeProblem = Nullable(
  Type.Record(Type.String(), Type.Unknown(), { description: 'As ACME says it (RFC 8555 6.7).' }),
)

const OrderView = Type.Object({
  id: Type.Integer(),
  account: Type.Integer(),
  status: oneOf('pending', 'ready', 'valid', 'invalid'),
  names: Names,
  profile: Type.String(),
  notBefore: Nullable(Time),
  notAfter: Nullable(Time),
  createdAt: Time,
  expiresAt: Time,
  error: AcmeProblem,
  certificate: Nullable(SerialNumber),
})

const AuthorizationView = Type.Object({
  id: Type.Integer(),
  name: Type.String({ description: 'Such as "dns:web.example.test"; a wildcard’s is that below "*.".' }),
  wildcard: Type.Boolean(),
  subdomains: Type.Boolean({ description: 'Whether it holds for names below as well (RFC 9444).' }),
  status: oneOf('pending', 'valid', 'invalid', 'deactivated', 'expired', 'revoked'),
  expiresAt: Time,
  challenges: Type.Array(
    Type.Object({
      type: Type.String(),
      status: oneOf('pending', 'processing', 'valid', 'invalid'),
      attempts: Type.Integer(),
      validatedAt: Nullable(Time),
      error: AcmeProblem,
    }),
  ),
})

const WholeOrderView = Type.Object({
  ...OrderView.properties,
  authorizations: Type.Array(AuthorizationView),
})

/** ACME orders, as admins see them. */
export const acmeOrderRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { read } = service.store
  const tags = ['acme']

  app.get(
    '/v1/acme/orders',
    {
      schema: {
        summary: 'List ACME orders',
        description: 'Newest first. An order that ended without a certificate is kept for a week.',
        tags,
        querystring: Type.Object(
          { account: Type.Optional(IdText), ...PageQuery },
          { additionalProperties: false },
        ),
        response: { 200: Type.Object({ orders: Type.Array(OrderView), next: Nullable(Type.String()) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { account, ...page } = request.query
      const { rows, next } = await read.listAcmeOrders(
        account === undefined ? null : Number(account),
        readPage(page),
      )
      return { orders: rows.map((row) => show(row, service)), next }
    },
  )

  app.get(
    '/v1/acme/orders/:id',
    {
      schema: {
        summary: 'One ACME order, with what became of its challenges',
        tags,
        params: IdParams,
        response: { 200: WholeOrderView },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { id } = request.params
      const row = await read.acmeOrder(Number(id))
      if (!row) throw new CaError('notFound', `There is no ACME order ${id}.`)
      const found = await Promise.all(row.authorizations.map((one) => read.acmeAuthorization(one)))
      const authorizations = found.filter((one) => one !== null)
      return {
        ...show(row, service),
        authorizations: authorizations.map((one) => showAuthorization(one, service)),
      }
    },
  )
}

function show(stored: AcmeOrderRow, service: Service): Static<typeof OrderView> {
  const row = orderNow(stored, service)
  return {
    id: row.orderId,
    account: row.accountId,
    status: row.status,
    names: showNames(row.identifiers.map(parseNameText)),
    profile: row.profile,
    notBefore: showTimeOrNull(row.notBefore),
    notAfter: showTimeOrNull(row.notAfter),
    createdAt: showTime(row.createdAt),
    expiresAt: showTime(row.expiresAt),
    error: row.error && JSON.parse(row.error),
    certificate: row.serialNumber,
  }
}

function showAuthorization(row: AcmeAuthorizationRow, service: Service): Static<typeof AuthorizationView> {
  const { identifier, wildcard, subdomains } = row
  return {
    id: row.authorizationId,
    name: identifier,
    ...{ wildcard, subdomains },
    status: authorizationStatus(row, epochSeconds(service.clock())),
    expiresAt: showTime(row.expiresAt),
    challenges: row.challenges.map(({ type, status, attempts, validatedAt, error }) => ({
      ...{ type, status, attempts },
      validatedAt: showTimeOrNull(validatedAt),
      error: error && JSON.parse(error),
    })),
  }
}
