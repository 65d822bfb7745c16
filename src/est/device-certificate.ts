import { X509Certificate } from 'node:crypto'
import { CaError } from '../errors.ts'
import { EXTENDED_KEY_USAGES } from '../pki/certificate/extensions.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'

/** No manufacturer's hierarchy comes near. */
const LONGEST_PATH = 8

/** What a TLS client showed: the certificate whose key it proved, and what it sent along with it. DER. */
export interface PeerCertificates {
  readonly certificate: Buffer
  readonly others: readonly Buffer[]
}

/**
 * Proves that a certificate leads to one of the trust anchors now, by way of the CA certificates that were sent along. Revocation
 * is not asked for: manufacturers' certificates live as long as the devices. Throws `CaError` "unauthenticated".
 */
export function proveDevice(
  { certificate, others }: PeerCertificates,
  anchors: readonly CertificateInfo[],
  now: Date,
): void {
  const leaf = new X509Certificate(certificate)
  const usages = leaf.keyUsage as string[] | undefined
  if (usages && usages.length > 0 && !usages.includes(EXTENDED_KEY_USAGES.clientAuth)) {
    throw refused('is not for TLS clients')
  }
  if (!isCurrent(leaf, now)) throw refused('has expired or is not valid yet')
  const trusted = anchors.map(({ der }) => new X509Certificate(der))
  const between = others.map((der) => new X509Certificate(der)).filter(({ ca }) => ca)
  if (!leadsUp(leaf, trusted, between, now, LONGEST_PATH)) {
    throw refused('was issued neither by this CA nor by one that is trusted here')
  }
}

function leadsUp(
  below: X509Certificate,
  trusted: readonly X509Certificate[],
  between: readonly X509Certificate[],
  now: Date,
  left: number,
): boolean {
  const issued = (issuer: X509Certificate) => below.checkIssued(issuer) && below.verify(issuer.publicKey)
  if (trusted.some((anchor) => isCurrent(anchor, now) && issued(anchor))) return true
  if (left === 0) return false
  return between
    .filter((issuer) => isCurrent(issuer, now) && issued(issuer))
    .some((issuer) =>
      leadsUp(
        issuer,
        trusted,
        between.filter((other) => other !== issuer),
        now,
        left - 1,
      ),
    )
}

function isCurrent({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate
}

function refused(why: string): CaError {
  return new CaError('unauthenticated', `The client certificate ${why}.`)
}
