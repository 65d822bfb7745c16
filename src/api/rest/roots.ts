import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { TUnsafe } from 'typebox'
import { auditEntry } from '../../ca/audit.ts'
import { installRoots } from '../../ca/hierarchy/install-roots.ts'
import { CaError } from '../../errors.ts'
import { fingerprint, readFingerprint } from '../../pki/certificate/fingerprint.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import { decodePem, encodePem } from '../../pki/pem.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { adminOf, originOf } from '../caller.ts'
import { Pem, showTime, Time } from './schemas.ts'

const MAX_BODY = 1024 * 1024
const PEM_FILE = 'application/x-pem-file'

const CrossView = Type.Object({
  fingerprint: Type.String({ description: 'SHA-256, lower-case hexadecimal.' }),
  subject: Type.String({ description: 'The id of the authority whose key it certifies.' }),
  issuer: Type.String({ description: 'The id of the authority that signed it.' }),
  notAfter: Time,
  installedAt: Time,
  certificate: Pem,
})

/** Roots beside the first, and what roots sign for each other. */
export const rootRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const { store, clock, authorities } = service
  const tags = ['authorities']

  app.addContentTypeParser(PEM_FILE, { parseAs: 'string', bodyLimit: MAX_BODY }, (_request, body, done) =>
    done(null, body),
  )

  app.post(
    '/v1/roots',
    {
      bodyLimit: MAX_BODY,
      schema: {
        summary: 'Install further roots, with their CRLs, and cross-certificates',
        description:
          'A new root stands in the bundles at once, and needs its CRL along with it; a newer CRL of a root that is known replaces the one that is here. A cross-certificate is what one authority signed for the key of another; both must be known, or come along.',
        tags,
        body: {
          content: {
            [PEM_FILE]: { schema: { description: 'CERTIFICATE and X509 CRL blocks, in any order.' } },
          },
        } as unknown as TUnsafe<unknown>,
        response: {
          200: Type.Object({
            roots: Type.Array(Type.String(), { description: 'Those that are new.' }),
            crls: Type.Array(Type.String(), { description: 'The known roots whose CRL was replaced.' }),
            crossCertificates: Type.Integer(),
          }),
        },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      if (typeof request.body !== 'string')
        throw new CaError('unsupportedMediaType', `Send the certificates and CRLs as ${PEM_FILE}.`)
      const blocks = decodePem(request.body, 'roots')
      const of = (wanted: string) => blocks.filter(({ label }) => label === wanted).map(({ der }) => der)
      const material = { certificates: of('CERTIFICATE'), crls: of('X509 CRL') }
      if (material.certificates.length + material.crls.length < blocks.length)
        throw new CaError('malformedPem', 'Only CERTIFICATE and X509 CRL blocks belong there.')
      const audit = auditEntry('root.install', 'ok', '', admin, originOf(request), clock())
      const installed = await installRoots(store, authorities.all(), material, clock(), audit)
      await service.authoritiesChanged()
      return { ...installed, roots: [...installed.roots], crls: [...installed.crls] }
    },
  )

  app.get(
    '/v1/cross-certificates',
    {
      schema: {
        summary: 'List cross-certificates',
        tags,
        response: { 200: Type.Object({ crossCertificates: Type.Array(CrossView) }) },
      },
    },
    async (request) => {
      await adminOf(request, service)
      const rows = await store.read.crossCertificates()
      return {
        crossCertificates: rows.map(({ certificate, subject, issuer, installedAt }) => ({
          fingerprint: fingerprint(certificate),
          ...{ subject, issuer },
          notAfter: showTime(parseCertificate(certificate).notAfter),
          installedAt: showTime(installedAt),
          certificate: encodePem('CERTIFICATE', certificate),
        })),
      }
    },
  )

  app.delete(
    '/v1/cross-certificates/:fingerprint',
    {
      schema: {
        summary: 'Give out a cross-certificate no more',
        description: 'It is valid all the same until it is revoked or ends: "chancery root crl" revokes it.',
        tags,
        params: Type.Object({ fingerprint: Type.String({ pattern: '^[0-9A-Fa-f:]{64,95}$' }) }),
        response: { 204: Type.Null() },
      },
    },
    async (request, reply) => {
      const admin = await adminOf(request, service)
      const wanted = readFingerprint(request.params.fingerprint)
      const rows = await store.read.crossCertificates()
      const row = rows.find(({ certificate }) => fingerprint(certificate) === wanted)
      if (!row) throw new CaError('notFound', 'No cross-certificate has that SHA-256 fingerprint.')
      const facts = { subject: row.subject, issuer: row.issuer, fingerprint: fingerprint(row.certificate) }
      await store.write('removeCrossCertificate', {
        certificate: row.certificate,
        audit: auditEntry(
          'cross-certificate.remove',
          'ok',
          row.subject,
          admin,
          originOf(request),
          clock(),
          facts,
        ),
      })
      await service.authoritiesChanged()
      return reply.code(204).send(null)
    },
  )
}
