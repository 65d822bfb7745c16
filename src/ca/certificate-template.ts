import { hasPurpose } from '../config/profile-rules.ts'
import type { Profile } from '../config/profile-schema.ts'
import {
  authorityInformationAccess,
  authorityKeyIdentifier,
  basicConstraints,
  certificatePolicies,
  crlDistributionPoints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  noRevAvail,
  ocspNoCheck,
  tlsFeature,
} from '../pki/certificate/extensions.ts'
import type { Authority } from './authority.ts'

/** Where relying parties find revocation data and issuers: plain http (RFC 5280 8: a TLS fetch could loop). */
export interface PublicUrls {
  /** Of all certificates, or of those of one partition. */
  crl(authority: string, partition?: number | null): string
  deltaCrl(authority: string, partition: number | null): string
  ocsp(authority: string): string
  issuer(authority: string): string
}

/** URLs below the public base of the plain listener, such as "http://ca.example.test". No slash at the end. */
export function publicUrls(base: string): PublicUrls {
  return {
    crl: (authority, partition = null) => `${base}/crl/${scopePath(authority, partition)}.crl`,
    deltaCrl: (authority, partition) => `${base}/crl/${scopePath(authority, partition)}/delta.crl`,
    // No slash at the end either: HAProxy would ask for "//".
    ocsp: () => `${base}/ocsp`,
    issuer: (authority) => `${base}/ca/${authority}.crt`,
  }
}

function scopePath(authority: string, partition: number | null): string {
  return partition === null ? authority : `${authority}/${partition}`
}

/** Whether certificates of the profile say where their CRL is. RFC 9608 3: not where there is none. */
export function namesCrl({ crlDistributionPoint, noRevocation }: Profile): boolean {
  return crlDistributionPoint && !noRevocation
}

/** What the key is for. */
export function usageExtensions(profile: Profile): Extension[] {
  const usage = keyUsage(profile.keyUsage)
  if (profile.extendedKeyUsage.length === 0) return [usage]
  // RFC 3161 2.3: whoever verifies a time stamp wants this purpose critical.
  return [usage, extendedKeyUsage(profile.extendedKeyUsage, hasPurpose(profile, 'timeStamping'))]
}

/** The extensions that every certificate of this authority, profile and partition of the CRL shares. */
export function sharedExtensions(
  authority: Authority,
  profile: Profile,
  urls: PublicUrls,
  partition: number | null,
): readonly Extension[] {
  const extensions: Extension[] = [basicConstraints({ ca: false }), ...usageExtensions(profile)]
  extensions.push(authorityKeyIdentifier(authority.keyIdentifier))
  if (namesCrl(profile)) extensions.push(crlDistributionPoints([urls.crl(authority.id, partition)]))
  if (profile.authorityInformation) {
    extensions.push(
      authorityInformationAccess({
        ocsp: profile.noRevocation ? [] : [urls.ocsp(authority.id)],
        caIssuers: [urls.issuer(authority.id)],
      }),
    )
  }
  if (profile.noRevocation) extensions.push(noRevAvail())
  if (profile.policies.length > 0) extensions.push(certificatePolicies(profile.policies))
  if (profile.mustStaple) extensions.push(tlsFeature([5]))
  if (hasPurpose(profile, 'OCSPSigning')) extensions.push(ocspNoCheck())
  return extensions
}
