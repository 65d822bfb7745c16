import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { roleOf } from '../../auth/roles.ts'
import { epochSeconds } from '../../clock.ts'
import { parseDuration } from '../../config/duration.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { RequestRow } from '../../store/approval-queries.ts'
import { adminOf, applicantOf, originOf } from '../caller.ts'
import { mountPoint } from '../mount-point.ts'
import { readTime } from '../rfc3339.ts'
import { CertificateView, showCertificate } from './certificate-view.ts'
import { answerIssued } from './issuance-answer.ts'
import { mayBeEmpty } from './own-parsing.ts'
import { PageQuery, readPage } from './paging.ts'
import { csrPem, RequestState, RequestSummary, RequestView, showRequest } from './request-view.ts'
import { Duration, IdParams, Nullable, readNames, Time, WantedNames } from './schemas.ts'

const Narrowing = Type.Object(
  { names: Type.Optional(WantedNames), validity: Type.Optional(Duration), notAfter: Type.Optional(Time) },
  { additionalProperties: false, description: 'Less than was asked for: some of the names, a shorter life.' },
)

const Refusal = Type.Object(
  {
    reason: Type.String({
      minLength: 1,
      maxLength: 500,
      pattern: '^\\P{C}*\\S\\P{C}*$',
      description: 'The caller is told. One line.',
    }),
  },
  { additionalProperties: false },
)

/** Requests that wait for an admin, or did. */
export const requestRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock, approvals } = service
  const tags = ['requests']

  app.get(
    '/v1/requests',
    {
      schema: {
        summary: 'List requests for approval',
        description: 'Newest first.',
        tags,
        querystring: Type.Object(
          { state: Type.Optional(RequestState), ...PageQuery },
          { additionalProperties: false },
        ),
        response: {
          200: Type.Object({
            requests: Type.Array(RequestSummary),
            next: Nullable(Type.String()),
          }),
        },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const { state, ...page } = request.query
      const now = epochSeconds(clock())
      const filter = { now, ...(state === undefined ? {} : { state }) }
      const { rows, next } = await store.read.listRequests(filter, readPage(page))
      return { requests: rows.map((row) => showRequest(row, now)), next }
    },
  )

  app.get(
    '/v1/requests/:id',
    {
      schema: {
        summary: 'Show a request for approval',
        description: 'To an admin, and to the caller who made it; with the certificate, once it is approved.',
        tags,
        params: IdParams,
        response: { 200: RequestView },
      },
    },
    async (request) => {
      const caller = await applicantOf(request, service)
      const isAdmin = roleOf(caller) !== null
      const row = await store.read.request(Number(request.params.id))
      // Whether there are requests of others is nobody's business.
      if (!row || (!isAdmin && row.principal !== caller.id))
        throw new CaError('notFound', `There is no request ${request.params.id}.`)
      return show(row, isAdmin)
    },
  )

  app.post(
    '/v1/requests/:id/approve',
    {
      schema: {
        summary: 'Approve a request',
        tags,
        params: IdParams,
        body: Narrowing,
        response: { 201: CertificateView },
      },
      // Most are approved as they are.
      preValidation: mayBeEmpty,
    },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { names, validity, notAfter } = request.body
      const narrowed = {
        names: names && readNames(names),
        validity: validity === undefined ? undefined : parseDuration(validity),
        notAfter: notAfter === undefined ? undefined : readTime(notAfter),
      }
      const issued = await approvals.approve(Number(request.params.id), narrowed, admin, originOf(request))
      return answerIssued(issued, request, reply, { ...service, prefix: mountPoint(app) })
    },
  )

  app.post(
    '/v1/requests/:id/refuse',
    {
      schema: {
        summary: 'Refuse a request',
        tags,
        params: IdParams,
        body: Refusal,
        response: { 200: RequestView },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { reason } = request.body
      return show(await approvals.refuse(Number(request.params.id), reason, admin, originOf(request)), true)
    },
  )

  async function show(row: RequestRow, isAdmin: boolean) {
    const now = epochSeconds(clock())
    const { decidedBy, ...shown } = showRequest(row, now)
    const issued = row.serialNumber === null ? null : await store.read.certificate(row.serialNumber)
    return {
      ...shown,
      ...(isAdmin ? { decidedBy } : {}),
      csr: csrPem(row),
      certificate: issued && showCertificate(issued, service.authorities, now),
    }
  }
}
