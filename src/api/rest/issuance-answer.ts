import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Authorities } from '../../ca/authorities.ts'
import type { Issued, Pending } from '../../ca/issue.ts'
import { type Clock, epochSeconds } from '../../clock.ts'
import type { Config } from '../../config/config.ts'
import { encodePem } from '../../pki/pem.ts'
import { qualityValues } from '../quality-values.ts'
import { chainPem, showCertificate } from './certificate-view.ts'
import { showTime } from './schemas.ts'

const PEM_CHAIN = 'application/pem-certificate-chain'

interface Surroundings {
  readonly authorities: Authorities
  readonly clock: Clock
  readonly config: Config
  readonly prefix: string
}

/** 201 with the certificate, or 202 where an admin must approve it first. */
export function answerRequest(
  answer: Issued | Pending,
  request: FastifyRequest,
  reply: FastifyReply,
  surroundings: Surroundings,
): FastifyReply {
  if (answer.outcome === 'issued') return answerIssued(answer, request, reply, surroundings)
  const { requestId, expiresAt } = answer.request
  const { retryAfter } = surroundings.config.approvals
  const statusUrl = `${surroundings.prefix}/v1/requests/${requestId}`
  return reply
    .code(202)
    .header('location', statusUrl)
    .header('retry-after', String(retryAfter))
    .send({ id: requestId, state: 'pending', statusUrl, expiresAt: showTime(expiresAt), retryAfter })
}

/** 201 with the certificate: JSON, or leaf and intermediates as PEM where the caller asks for that (RFC 8555 9.1). */
export function answerIssued(
  { certificate }: Issued,
  request: FastifyRequest,
  reply: FastifyReply,
  { authorities, clock, prefix }: Surroundings,
): FastifyReply {
  reply.code(201).header('location', `${prefix}/v1/certificates/${certificate.serialNumber}`)
  if (!wantsPem(request.headers.accept))
    return reply.send(showCertificate(certificate, authorities, epochSeconds(clock())))
  const chain = [encodePem('CERTIFICATE', certificate.der), ...chainPem(authorities, certificate)]
  return reply.type(PEM_CHAIN).serializer(String).send(chain.join(''))
}

/**
 * Whether PEM is preferred. Clients that generators make list all that an address answers: with less weight for what is no JSON, as
 * PHP's do, or with none, and read JSON where they have it.
 */
function wantsPem(accept: string | undefined): boolean {
  const weights = qualityValues(accept)
  const of = (...types: string[]) => Math.max(...types.map((type) => weights.get(type) ?? 0))
  const pem = of(PEM_CHAIN, 'application/x-pem-file')
  return pem > of('application/json') && pem >= of('application/*', '*/*')
}
