import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifySchema } from 'fastify'
import { CaError } from '../../errors.ts'
import { stapleRequest } from '../../ocsp/staple.ts'
import { normaliseSerial } from '../../pki/serial-number.ts'
import type { Service } from '../../service.ts'
import { adminOrHolderOf } from '../caller.ts'
import { httpDate } from '../freshness.ts'
import { OCSP_RESPONSE } from '../ocsp.ts'

/** `GET /v1/certificates/{serial}/ocsp`: the staple, ready to be written into the file that a proxy reads. */
export const stapleRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  const schema = {
    summary: 'The OCSP response of a certificate, DER; Cache-Control says for how many seconds to keep it',
    tags: ['revocation'],
  } as FastifySchema

  app.get<{ Params: { serial: string } }>(
    '/v1/certificates/:serial/ocsp',
    { schema },
    async (request, reply) => {
      const serialNumber = normaliseSerial(request.params.serial)
      await adminOrHolderOf(request, serialNumber, service)
      const row = await service.store.read.certificate(serialNumber)
      const authority = row && service.authorities.get(row.authority)
      if (!authority) throw new CaError('notFound', `No certificate has the serial number ${serialNumber}.`)
      const { status, der, cacheable } = await service.ocsp.respond(stapleRequest(authority, serialNumber))
      // Envoy takes whatever it is given: an answer that is no staple must not look like one.
      if (status !== 'successful' || !cacheable) {
        throw new CaError(
          'authorityNotReady',
          `No OCSP response can be signed now (${status}); keep the last one.`,
        )
      }
      return reply
        .header('cache-control', `max-age=${cacheable.maxAge}, private`)
        .header('expires', httpDate(cacheable.expires))
        .type(OCSP_RESPONSE)
        .send(der)
    },
  )
}
