import { X509Certificate } from 'node:crypto'
import { rfc3339 } from '../../clock.ts'
import { EXTENSION, extendedKeyUsageOf } from '../../pki/certificate/extensions.ts'
import { parseCertificate } from '../../pki/certificate/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import { AUDIT_PURPOSE, AUDIT_SUBJECT } from '../internal-profiles.ts'
import type { SignerChain } from './source.ts'

/** The sentence that says why a certificate proves no head of the audit log; null where it does. `roots`: DER. */
export function signerFault(
  { certificate, above }: Pick<SignerChain, 'certificate' | 'above'>,
  roots: readonly Buffer[],
): string | null {
  try {
    const { extensions, subject } = parseCertificate(certificate)
    const purposes = extensions.find(({ oid }) => oid === EXTENSION.extendedKeyUsage)?.value
    const isForIt = purposes !== undefined && extendedKeyUsageOf(purposes).includes(AUDIT_PURPOSE)
    // Behind it are directory names, where name constraints of a CA permit no others.
    if (!isForIt || nameToText(subject).replace(/,.*$/, '') !== `CN=${AUDIT_SUBJECT}`)
      return 'Its signer’s certificate was not issued for the audit log.'
    return isProven([certificate, ...above], roots)
      ? null
      : 'Its signer’s certificate does not lead to a root that was given.'
  } catch {
    return 'Its signer’s certificate cannot be read.'
  }
}

/**
 * Likewise why it proves none of this time, seconds since 1970: a key that was taken from a backup after its certificate had ended or was
 * revoked still signs. `certificate`: one without a fault of the other kind.
 */
export function signerFaultAt(
  { certificate, revokedAt }: Pick<SignerChain, 'certificate' | 'revokedAt'>,
  signedAt: number,
): string | null {
  const { notBefore, notAfter } = parseCertificate(certificate)
  if (signedAt < notBefore || signedAt > notAfter)
    return `Its signer’s certificate was not valid then: it is from ${rfc3339(notBefore)} to ${rfc3339(notAfter)}.`
  // In the same second it may have come first.
  if (revokedAt !== null && signedAt > revokedAt)
    return `Its signer’s certificate had been revoked, as of ${rfc3339(revokedAt)}.`
  return null
}

/** Signatures alone: a head stays true after the certificates have expired, and those above may have been renewed since. */
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
