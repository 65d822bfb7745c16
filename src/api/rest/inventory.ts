import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { epochSeconds } from '../../clock.ts'
import { CaError } from '../../errors.ts'
import { normaliseSerial } from '../../pki/serial-number.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import type { CertificateFilter } from '../../store/queries.ts'
import { adminOf, adminOrHolderOf } from '../caller.ts'
import { readTime } from '../rfc3339.ts'
import { certificateForm, FORM_TYPES } from './certificate-forms.ts'
import {
  CertificateState,
  CertificateView,
  SummaryView,
  showCertificate,
  showSummary,
} from './certificate-view.ts'
import { PageQuery, readPage, SHORT_PAGES } from './paging.ts'
import { Nullable, readSearchedName, SerialParams, Time } from './schemas.ts'

const Text = Type.Optional(Type.String({ minLength: 1, maxLength: 2048 }))

const Query = Type.Object(
  {
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: 'A whole name, or "*.example.test" for all below a domain.',
      }),
    ),
    text: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description:
          'A part of a name or of the subject, in any letter case. Certificates are looked through one by one, the newest first, so this takes many pages where there are many; `name` takes one.',
      }),
    ),
    state: Type.Optional(CertificateState),
    profile: Text,
    principal: Text,
    authority: Text,
    serialNumber: Type.Optional(
      Type.String({ minLength: 1, maxLength: 80, description: 'The first digits of the serial number.' }),
    ),
    issuedBefore: Type.Optional(Time),
    issuedAfter: Type.Optional(Time),
    expiresBefore: Type.Optional(Time),
    expiresAfter: Type.Optional(Time),
    ...PageQuery,
  },
  { additionalProperties: false },
)

const TIMES = ['issuedBefore', 'issuedAfter', 'expiresBefore', 'expiresAfter'] as const
const TEXTS = ['name', 'text', 'state', 'profile', 'principal', 'authority'] as const

/** What was issued, to whom, and what became of it. */
export const inventoryRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock, authorities } = service

  app.get(
    '/v1/certificates',
    {
      schema: {
        summary: 'Search the inventory',
        description: SHORT_PAGES,
        tags: ['certificates'],
        querystring: Query,
        response: {
          200: Type.Object({
            certificates: Type.Array(SummaryView),
            next: Nullable(Type.String()),
          }),
        },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const now = epochSeconds(clock())
      const { query } = request
      const filter: CertificateFilter = { now }
      for (const key of TEXTS) if (query[key] !== undefined) Object.assign(filter, { [key]: query[key] })
      if (filter.name !== undefined) filter.name = readSearchedName(filter.name)
      for (const key of TIMES) if (query[key] !== undefined) filter[key] = readTime(query[key])
      if (query.serialNumber !== undefined) filter.serialPrefix = readPrefix(query.serialNumber)
      const { rows, next } = await store.read.searchCertificates(filter, readPage(query))
      return { certificates: rows.map((row) => showSummary(row, now)), next }
    },
  )

  app.get(
    '/v1/certificates/:serial',
    {
      schema: {
        summary: 'One certificate',
        description: `JSON; or as it is, for who accepts one of these alone: ${FORM_TYPES.join(', ')}.`,
        tags: ['certificates'],
        params: SerialParams,
        response: { 200: CertificateView },
      },
    },
    async (request, reply) => {
      const serialNumber = normaliseSerial(request.params.serial)
      await adminOrHolderOf(request, serialNumber, service)
      const row = await store.read.certificate(serialNumber)
      if (!row) throw new CaError('notFound', `No certificate has the serial number ${serialNumber}.`)
      const form = certificateForm(request.headers.accept, row, authorities)
      if (form) return reply.type(form.type).send(form.body as never)
      return showCertificate(row, authorities, epochSeconds(clock()))
    },
  )
}

function readPrefix(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase()
  if (!/^[0-9a-f]{1,40}$/.test(digits)) {
    throw new CaError(
      'malformedRequest',
      `"${text}" is not the start of a serial number: those are hexadecimal.`,
    )
  }
  return digits
}
