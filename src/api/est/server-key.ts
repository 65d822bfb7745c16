import { randomBytes } from 'node:crypto'
import { authenticateEnrollee } from '../../est/authenticate-enrollee.ts'
import { enrolWithServerKey } from '../../est/server-key.ts'
import { certsOnly } from '../../pki/bundle/pkcs7.ts'
import type { Service } from '../../service.ts'
import { originOf } from '../caller.ts'
import { writeBase64 } from './base64-body.ts'
import { estCredentials } from './credentials.ts'
import { type AddOperation, readLinkedCsr } from './operation.ts'

/** serverkeygen (RFC 7030 4.4): key and certificate in one multipart answer. */
export function serverKeyRoute(add: AddOperation, service: Service): void {
  add('serverkeygen', 'POST', 'Enrol with a key made here', async (request, reply, label) => {
    const principal = await authenticateEnrollee(estCredentials(request), label, service)
    const csr = readLinkedCsr(request, label)
    const { key, issued } = await enrolWithServerKey(csr, principal, label, originOf(request), service)
    const boundary = `chancery-${randomBytes(12).toString('hex')}`
    const part = (type: string, octets: Buffer) =>
      `--${boundary}\r\nContent-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${writeBase64(octets, label.options.lineLength)}\r\n`
    const body = [
      part('application/pkcs8', key.export({ type: 'pkcs8', format: 'der' })),
      part('application/pkcs7-mime; smime-type=certs-only', certsOnly([issued.certificate.der])),
      `--${boundary}--\r\n`,
    ]
    return reply
      .header('cache-control', 'no-store')
      .header('content-type', `multipart/mixed; boundary=${boundary}`)
      .send(Buffer.from(body.join(''), 'latin1'))
  })
}
