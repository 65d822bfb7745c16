import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { Static } from 'typebox'
import { auditEntry } from '../../ca/audit.ts'
import { installAuthority } from '../../ca/hierarchy/install.ts'
import { createAuthority } from '../../ca/hierarchy/new-authority.ts'
import { CaError } from '../../errors.ts'
import { parseDnText } from '../../pki/distinguished-name.ts'
import { HASH_NAMES, KEY_TYPES } from '../../pki/keys/algorithms.ts'
import { decodePem, encodePem } from '../../pki/pem.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { adminOf, originOf } from '../caller.ts'
import { mountPoint } from '../mount-point.ts'
import { AuthorityView, showAuthority } from './authority-view.ts'
import { AuthorityParams, oneOf } from './schemas.ts'

/** Octets of PEM. */
const MAX_CHAIN = 256 * 1024

const NewAuthority = Type.Object(
  {
    id: Type.String({ minLength: 1, maxLength: 63 }),
    subject: Type.String({
      minLength: 1,
      maxLength: 1000,
      description: 'RFC 4514: "CN=Example Issuing CA,O=Example".',
    }),
    keyType: Type.Optional(oneOf(...KEY_TYPES)),
    hash: Type.Optional(oneOf(...HASH_NAMES)),
    pathLength: Type.Optional(
      Type.Union([Type.Integer({ minimum: 0, maximum: 10 }), Type.Null()], {
        description: 'CA levels below it; null for no limit. 0 if absent.',
      }),
    ),
    replaces: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        description:
          'The id of the authority whose place it is to take: with its certificate it becomes staged, and issues once it is activated.',
      }),
    ),
  },
  { additionalProperties: false },
)

const Change = Type.Object(
  {
    isDefault: Type.Optional(
      Type.Literal(true, { description: 'true alone: the one that was the default is it no more.' }),
    ),
    state: Type.Optional(oneOf('active', 'retired')),
  },
  { additionalProperties: false, minProperties: 1 },
)

/** The authorities of this service, and how a new one gets its certificate from a root elsewhere. */
export const authorityRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock } = service
  const tags = ['authorities']
  const list = async () => (await store.read.authorities()).map((row) => showAuthority(row, service))
  const one = async (id: string) => {
    const found = (await list()).find((authority) => authority.id === id)
    if (!found) throw new CaError('unknownAuthority', `There is no authority "${id}".`)
    return found
  }

  app.addContentTypeParser(
    ['application/pem-certificate-chain', 'application/x-pem-file', 'text/plain'],
    { parseAs: 'string', bodyLimit: MAX_CHAIN },
    (_request, body, done) => done(null, body),
  )

  app.get(
    '/v1/authorities',
    {
      schema: {
        summary: 'List authorities',
        tags,
        response: { 200: Type.Object({ authorities: Type.Array(AuthorityView) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      return { authorities: await list() }
    },
  )

  app.get(
    '/v1/authorities/:id',
    { schema: { summary: 'One authority', tags, params: AuthorityParams, response: { 200: AuthorityView } } },
    async (request) => {
      await adminOf(request, service)
      return one(request.params.id)
    },
  )

  app.post(
    '/v1/authorities',
    {
      schema: {
        summary: 'Make the key and CSR of a new issuing authority',
        tags,
        body: NewAuthority,
        response: { 201: AuthorityView },
      },
    },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const { id, subject, keyType = 'P-256', hash = null, pathLength = 0, replaces } = request.body
      const wish = {
        id,
        keyType,
        hash,
        subject: parseDnText(subject),
        pathLength: pathLength ?? undefined,
        nameConstraints: null,
        replaces,
      }
      await createAuthority(
        wish,
        service.keyPlace(),
        auditEntry('authority.create', 'ok', id, admin, originOf(request), clock(), {
          subject,
          ...(replaces === undefined ? {} : { replaces }),
        }),
      )
      reply.code(201).header('location', `${mountPoint(app)}/v1/authorities/${id}`)
      return one(id)
    },
  )

  app.patch(
    '/v1/authorities/:id',
    {
      schema: {
        summary: 'Make an authority the default, or retire it',
        description:
          'Active and retired are taken after the checks of POST /v1/authorities/{id}/phase, which also forces one, and moves others.',
        tags,
        params: AuthorityParams,
        body: Change,
        response: { 200: AuthorityView },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { id } = request.params
      const { state: phase } = request.body
      if (phase !== undefined && phase !== service.authorities.get(id)?.state)
        await service.phases.prove({ id, phase, others: 'active', force: [] })
      const audit = auditEntry('authority.change', 'ok', id, admin, originOf(request), clock(), request.body)
      await store.write('changeAuthority', { ...request.body, id, audit })
      await service.authoritiesChanged()
      return one(id)
    },
  )

  app.get(
    '/v1/authorities/:id/csr',
    {
      schema: {
        summary: 'The CSR, to be signed by the root',
        tags,
        params: AuthorityParams,
      } as object,
    },
    async (request, reply) => {
      await adminOf(request, service)
      const { id } = request.params as Static<typeof AuthorityParams>
      const row = (await store.read.authorities()).find((authority) => authority.id === id)
      if (!row?.csr) throw new CaError('unknownAuthority', `There is no authority "${id}" with a key here.`)
      return reply.type('application/x-pem-file').send(encodePem('CERTIFICATE REQUEST', row.csr))
    },
  )

  app.put(
    '/v1/authorities/:id/certificate',
    {
      bodyLimit: MAX_CHAIN,
      schema: {
        summary: 'Install the signed certificate and its chain',
        tags,
        params: AuthorityParams,
        response: { 200: AuthorityView },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { id } = request.params
      if (typeof request.body !== 'string') {
        throw new CaError(
          'unsupportedMediaType',
          'Send the chain as application/pem-certificate-chain: the signed certificate first, the root last.',
        )
      }
      const chain = decodePem(request.body, 'certificate chain').map(({ label, der }) => {
        if (label !== 'CERTIFICATE')
          throw new CaError('malformedPem', `The chain holds a "${label}"; only certificates belong there.`)
        return der
      })
      await installAuthority(
        store,
        id,
        chain,
        clock(),
        auditEntry('authority.install', 'ok', id, admin, originOf(request), clock()),
      )
      await service.authoritiesChanged()
      return one(id)
    },
  )
}
