import { createHash } from 'node:crypto'
import type { Authority } from '../ca/authority.ts'
import { integer, NULL, octetString, oid, sequence } from '../pki/der/write.ts'

const SHA1 = sequence(oid('1.3.14.3.2.26'), NULL)

/**
 * The request whose answer is a staple for this certificate: one CertID by SHA-1 with NULL parameters, as every client that
 * checks a staple makes it (RFC 6960 4.1.1, RFC 5019 2.1.1), and no nonce.
 */
export function stapleRequest({ certificate }: Authority, serialNumber: string): Buffer {
  const sha1 = (bytes: Buffer) => octetString(createHash('sha1').update(bytes).digest())
  const certId = sequence(
    SHA1,
    sha1(certificate.subject),
    sha1(certificate.keyBits),
    integer(Buffer.from(serialNumber, 'hex')),
  )
  return sequence(sequence(sequence(sequence(certId))))
}
