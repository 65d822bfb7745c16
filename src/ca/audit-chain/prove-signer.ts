import { X509Certificate } from 'node:crypto'
import { EXTENSION, extendedKeyUsageOf } from '../../pki/certificate/extensions.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import { AUDIT_PURPOSE, AUDIT_SUBJECT } from '../internal-profiles.ts'
import type { SignerChain } from './source.ts'

/** The sentence that says why a certificate proves no head of the audit log; null where it does. `roots`: DER. */
export function signerFault(
  { certificate, above }: Omit<SignerChain, 'serialNumber'>,
  roots: readonly Buffer[],
): string | null {
  try {
    const { extensions, subject } = parseCertificate(certificate)
    const purposes = extensions.find(({ oid }) => oid === EXTENSION.extendedKeyUsage)?.value
    const isForIt = purposes !== undefined && extendedKeyUsageOf(purposes).includes(AUDIT_PURPOSE)
    if (!isForIt || nameToText(subject) !== `CN=${AUDIT_SUBJECT}`)
      return 'Its signer’s certificate was not issued for the audit log.'
    return isProven([certificate, ...above], roots)
      ? null
      : 'Its signer’s certificate does not lead to a root that was given.'
  } catch {
    return 'Its signer’s certificate cannot be read.'
  }
}

/** Signatures alone: a head stays true after the certificates have expired. */
function isProven(chain: readonly Buffer[], roots: readonly Buffer[]): boolean {
  const parsed = chain.map((der) => new X509Certificate(der))
  for (const [place, one] of parsed.entries()) {
    if (roots.some((root) => root.equals(chain[place]!))) return true
    const issuers = [...parsed.slice(place + 1, place + 2), ...roots.map((root) => new X509Certificate(root))]
    const issuer = issuers.find((above) => above.ca && one.checkIssued(above) && one.verify(above.publicKey))
    if (!issuer) return false
    if (roots.some((root) => root.equals(issuer.raw))) return true
  }
  return false
}
