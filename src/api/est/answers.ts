import type { FastifyReply } from 'fastify'
import type { Issued, Pending } from '../../ca/issue.ts'
import type { Config } from '../../config/config.ts'
import type { Label } from '../../est/labels.ts'
import { certsOnly } from '../../pki/bundle/pkcs7.ts'
import { writeBase64 } from './base64-body.ts'

/** Exactly so: clients compare the whole header. */
export const CERTS_ONLY = 'application/pkcs7-mime; smime-type=certs-only'

/** RFC 7030 4.2.3: the certificate alone, the chain is what cacerts is for; or 202, and when to ask again with the same request. */
export function sendIssued(
  reply: FastifyReply,
  issued: Issued | Pending,
  label: Label,
  { approvals }: Pick<Config, 'approvals'>,
): FastifyReply {
  if (issued.outcome === 'issued')
    return sendBase64(reply, CERTS_ONLY, certsOnly([issued.certificate.der]), label)
  // BouncyCastle fails where this answer has a body: which request it is stands in the header.
  return reply
    .code(202)
    .header('retry-after', String(approvals.retryAfter))
    .header('chancery-request', String(issued.request.requestId))
    .send()
}

export function sendBase64(
  reply: FastifyReply,
  type: string,
  octets: Buffer,
  { options }: Label,
): FastifyReply {
  const text = writeBase64(octets, options.lineLength)
  // As octets, or Fastify would add a charset to the type.
  return reply
    .header('content-type', type)
    .header('content-transfer-encoding', 'base64')
    .send(Buffer.from(text, 'latin1'))
}
