import { authenticateEnrollee } from '../../est/authenticate-enrollee.ts'
import { onRecord } from '../../est/on-record.ts'
import { enrolWithServerKey } from '../../est/server-key.ts'
import { certsOnly } from '../../pki/bundle/pkcs7.ts'
import { multipartMixed } from '../../pki/est/multipart.ts'
import type { Service } from '../../service.ts'
import { noteCaller, originOf } from '../caller.ts'
import { CERTS_ONLY } from './answers.ts'
import { writeBase64 } from './base64-body.ts'
import { estCredentials } from './credentials.ts'
import { type AddOperation, readLinkedCsr } from './operation.ts'

/** serverkeygen (RFC 7030 4.4): key and certificate in one multipart answer. */
export function serverKeyRoute(add: AddOperation, service: Service): void {
  add('serverkeygen', 'POST', 'Enrol with a key made here', async (request, reply, label) => {
    const credentials = estCredentials(request)
    const principal = await authenticateEnrollee(credentials, label, service)
    noteCaller(request, principal)
    const origin = originOf(request, 'est')
    const caller = { principal, credentials, origin }
    const { key, isEncrypted, certificate } = await onRecord(principal, origin, service, async () =>
      enrolWithServerKey(readLinkedCsr(request, label), caller, label, service),
    )
    const base64 = (octets: Buffer) => writeBase64(octets, label.options.lineLength)
    const { contentType, body } = multipartMixed([
      {
        contentType: isEncrypted
          ? 'application/pkcs7-mime; smime-type=server-generated-key'
          : 'application/pkcs8',
        base64: base64(key),
      },
      { contentType: CERTS_ONLY, base64: base64(certsOnly([certificate.der])) },
    ])
    return reply
      .header('cache-control', 'no-store')
      .header('content-type', contentType)
      .send(Buffer.from(body))
  })
}
