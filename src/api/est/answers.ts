import type { FastifyReply } from 'fastify'
import type { Issued } from '../../ca/issue.ts'
import type { Label } from '../../est/labels.ts'
import { certsOnly } from '../../pki/bundle/pkcs7.ts'
import { writeBase64 } from './base64-body.ts'

/** RFC 7030 4.2.3: the certificate alone; the chain is what cacerts is for. */
export function sendIssued(reply: FastifyReply, { certificate }: Issued, label: Label): FastifyReply {
  return sendCertificates(reply, [certificate.der], label)
}

export function sendCertificates(
  reply: FastifyReply,
  certificates: readonly Buffer[],
  label: Label,
): FastifyReply {
  return sendBase64(reply, 'application/pkcs7-mime; smime-type=certs-only', certsOnly(certificates), label)
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
