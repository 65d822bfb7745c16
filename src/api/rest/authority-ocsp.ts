import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { TUnsafe } from 'typebox'
import { auditEntry } from '../../ca/audit.ts'
import { CaError } from '../../errors.ts'
import { installOcspResponse } from '../../ocsp/install-response.ts'
import { reasonName } from '../../pki/crl/reasons.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { adminOf, originOf } from '../caller.ts'
import { OCSP_RESPONSE } from '../ocsp.ts'
import { AuthorityParams, Nullable, oneOf, showTime, Time } from './schemas.ts'

/** Octets. */
const MAX_RESPONSE = 64 * 1024

const ResponseView = Type.Object({
  serialNumber: Type.String({ description: 'Of the certificate that the response is about.' }),
  status: oneOf('good', 'revoked', 'unknown'),
  reason: Nullable(Type.String()),
  thisUpdate: Time,
  nextUpdate: Time,
})

/** What an authority whose key is elsewhere says of the certificates that it issued: signed there, and brought here. */
export const authorityOcspRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (
  app,
  { service },
) => {
  const { store, clock } = service

  app.addContentTypeParser(
    OCSP_RESPONSE,
    { parseAs: 'buffer', bodyLimit: MAX_RESPONSE },
    (_request, body, done) => done(null, body),
  )

  app.put(
    '/v1/authorities/:id/ocsp',
    {
      bodyLimit: MAX_RESPONSE,
      schema: {
        summary: 'Install an OCSP response that was signed where the authority’s key is',
        tags: ['authorities'],
        params: AuthorityParams,
        body: {
          content: {
            [OCSP_RESPONSE]: { schema: { description: 'An OCSPResponse about one certificate, DER.' } },
          },
        } as unknown as TUnsafe<unknown>,
        response: { 200: ResponseView },
      },
    },
    async (request) => {
      const admin = await adminOf(request, service)
      const { id } = request.params
      if (!Buffer.isBuffer(request.body)) {
        throw new CaError('unsupportedMediaType', `Send the OCSP response as ${OCSP_RESPONSE}.`)
      }
      const authority = service.authorities.get(id)
      if (!authority) throw new CaError('unknownAuthority', `There is no authority "${id}".`)
      const audit = auditEntry('ocsp.install', 'ok', id, admin, originOf(request), clock())
      const installed = await installOcspResponse(store, authority, request.body, clock(), audit)
      await service.ocsp.responseBrought()
      const { certId, status, thisUpdate, nextUpdate } = installed
      const isRevoked = typeof status === 'object'
      return {
        serialNumber: certId.serialNumber!,
        status: isRevoked ? ('revoked' as const) : status,
        reason: isRevoked ? reasonName(status.reason) : null,
        thisUpdate: showTime(thisUpdate),
        nextUpdate: showTime(nextUpdate),
      }
    },
  )
}
