import type { X509Certificate } from 'node:crypto'

/** Whether its own key has signed it. Names alone prove nothing: anybody may write the same one twice. */
export function isSelfSigned(certificate: X509Certificate): boolean {
  return certificate.checkIssued(certificate) && certificate.verify(certificate.publicKey)
}
