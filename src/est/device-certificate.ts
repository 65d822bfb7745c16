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
  if (!leadsUp(leaf, trusted, between, now)) {
    throw refused('was issued neither by this CA nor by one that is trusted here')
  }
}

/** By steps away from the leaf, each certificate once: those that all fit each other have more paths than anybody can walk. */
function leadsUp(
  leaf: X509Certificate,
  trusted: readonly X509Certificate[],
  between: readonly X509Certificate[],
  now: Date,
): boolean {
  const issued = (below: X509Certificate, issuer: X509Certificate) =>
    isCurrent(issuer, now) && below.checkIssued(issuer) && below.verify(issuer.publicKey)
  let [reached, left] = [[leaf], [...between]]
  for (let step = 0; step <= LONGEST_PATH && reached.length > 0; step++) {
    if (trusted.some((anchor) => reached.some((below) => issued(below, anchor)))) return true
    const next = left.filter((issuer) => reached.some((below) => issued(below, issuer)))
    left = left.filter((one) => !next.includes(one))
    reached = next
  }
  return false
}

function isCurrent({ validFromDate, validToDate }: X509Certificate, now: Date): boolean {
  return validFromDate <= now && now <= validToDate
}

function refused(why: string): CaError {
  return new CaError('unauthenticated', `The client certificate ${why}.`)
}
