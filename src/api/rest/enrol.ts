import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { IssuanceRequest } from '../../ca/request.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { applicantOf, originOf } from '../caller.ts'
import { mountPoint } from '../mount-point.ts'
import { CertificateView } from './certificate-view.ts'
import { acceptCsrBodies, jsonOrCsr, MAX_ENROLMENT_BODY, readCsr, readTextCsr } from './csr-body.ts'
import { answerRequest } from './issuance-answer.ts'
import { PendingView } from './request-view.ts'
import { NamedWishes, readIdempotencyKey, readWishes, refuseBoth, Wishes } from './wishes.ts'

const EnrolBody = Type.Object(
  { csr: Type.String({ minLength: 1, description: 'PKCS #10, PEM.' }), ...NamedWishes },
  { additionalProperties: false },
)
const EnrolQuery = Type.Object(Wishes, { additionalProperties: false })

/** `POST /v1/certificates`: a CSR becomes a certificate. */
export const enrolRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  acceptCsrBodies(app)

  app.post(
    '/v1/certificates',
    {
      bodyLimit: MAX_ENROLMENT_BODY,
      schema: {
        summary: 'Issue a certificate',
        tags: ['certificates'],
        querystring: EnrolQuery,
        body: jsonOrCsr(EnrolBody),
        response: { 201: CertificateView, 202: PendingView },
      },
    },
    async (request, reply) => {
      const principal = await applicantOf(request, service)
      // Without a body there is no content type by which a schema could have refused it.
      const body = request.body as typeof request.body | undefined
      if (body === undefined)
        throw new CaError('malformedCsr', 'The body is empty: send a CSR as PEM, DER or in JSON.')
      const read = (): IssuanceRequest => {
        const [csr, wishes] = Buffer.isBuffer(body)
          ? [readCsr(body), readWishes(request.query)]
          : [readTextCsr(body.csr), readWishes(refuseBoth(body, request.query))]
        const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
        return { proof: { kind: 'csr', csr }, ...wishes, idempotencyKey, protocol: 'rest' }
      }
      const answer = await service.issuer.issue(read, principal, originOf(request))
      return answerRequest(answer, request, reply, { ...service, prefix: mountPoint(app) })
    },
  )
}
