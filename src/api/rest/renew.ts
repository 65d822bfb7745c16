import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { IssuanceRequest, KeyProof } from '../../ca/request.ts'
import { CaError } from '../../errors.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import { readPublicKey } from '../../pki/keys/public-key.ts'
import { normaliseSerial } from '../../pki/serial-number.ts'
import Type from '../../schema/build.ts'
import type { Service } from '../../service.ts'
import { applicantOf, originOf } from '../caller.ts'
import { mountPoint } from '../mount-point.ts'
import { CertificateView } from './certificate-view.ts'
import { acceptCsrBodies, jsonOrCsr, MAX_ENROLMENT_BODY, readCsr, readTextCsr } from './csr-body.ts'
import { answerRequest } from './issuance-answer.ts'
import { mayBeEmpty } from './own-parsing.ts'
import { PendingView } from './request-view.ts'
import { SerialParams } from './schemas.ts'
import { readIdempotencyKey, readWishes, refuseBoth, Wishes } from './wishes.ts'

const RenewBody = Type.Object(
  {
    csr: Type.Optional(
      Type.String({ minLength: 1, description: 'PKCS #10, PEM: for a new key. Absent: the key stays.' }),
    ),
    validity: Wishes.validity,
    notAfter: Wishes.notAfter,
  },
  { additionalProperties: false },
)

const RenewQuery = Type.Object(
  { validity: Wishes.validity, notAfter: Wishes.notAfter },
  { additionalProperties: false },
)

/** `POST /v1/certificates/{serial}/renew`: the same subject and names again, by the certificate itself or by a token. */
export const renewRoutes: FastifyPluginAsyncTypebox<{ service: Service }> = async (app, { service }) => {
  acceptCsrBodies(app)

  app.post(
    '/v1/certificates/:serial/renew',
    {
      bodyLimit: MAX_ENROLMENT_BODY,
      schema: {
        summary: 'Renew a certificate',
        tags: ['certificates'],
        params: SerialParams,
        querystring: RenewQuery,
        body: jsonOrCsr(RenewBody),
        response: { 201: CertificateView, 202: PendingView },
      },
      // A renewal with the same key and the default life needs no body at all.
      preValidation: mayBeEmpty,
    },
    async (request, reply) => {
      const principal = await applicantOf(request, service)
      const serialNumber = normaliseSerial(request.params.serial)
      if (principal.kind === 'certificate' && principal.serialNumber !== serialNumber) {
        throw new CaError('forbidden', 'A certificate may renew itself and no other.')
      }
      const old = await service.store.read.certificate(serialNumber)
      if (!old) throw new CaError('notFound', `No certificate has the serial number ${serialNumber}.`)
      const { body } = request
      const read = (): IssuanceRequest => {
        const csr = Buffer.isBuffer(body)
          ? readCsr(body)
          : body.csr === undefined
            ? null
            : readTextCsr(body.csr)
        const proof: KeyProof = csr
          ? { kind: 'csr', csr }
          : { kind: 'tls', publicKey: sameKey(principal.kind, old.der) }
        const isBare = Buffer.isBuffer(body) || Object.keys(body).length === 0
        const wishes = readWishes(isBare ? request.query : refuseBoth(body, request.query))
        const idempotencyKey = readIdempotencyKey(request.headers['idempotency-key'])
        return { proof, ...wishes, renewalOf: old, idempotencyKey, protocol: 'rest' }
      }
      const answer = await service.issuer.issue(read, principal, originOf(request))
      return answerRequest(answer, request, reply, { ...service, prefix: mountPoint(app) })
    },
  )
}

/** The old key is proven only by the handshake of the certificate itself. */
function sameKey(kind: string, der: Buffer) {
  if (kind !== 'certificate')
    throw new CaError('malformedCsr', 'A renewal by token or admin key needs a CSR, which proves the key.')
  return readPublicKey(parseCertificate(der).spki)
}
