import type { CertificateInfo } from '../pki/certificate/parse.ts'
import { sequence } from '../pki/der/write.ts'
import { type CertIdHash, encodeCertId } from './cert-id.ts'

/**
 * The request whose answer is a staple for this certificate: one CertID, by SHA-1 as every client that checks a staple makes
 * it (RFC 6960 4.1.1, RFC 5019 2.1.1), and no nonce.
 */
export function stapleRequest(
  { certificate }: { readonly certificate: CertificateInfo },
  serialNumber: string,
  hash: CertIdHash = 'sha1',
): Buffer {
  return sequence(sequence(sequence(sequence(encodeCertId(certificate, serialNumber, hash)))))
}
