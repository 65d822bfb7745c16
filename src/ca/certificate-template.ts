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
  tlsFeature,
} from '../pki/certificate/extensions.ts'
import type { Authority } from './authority.ts'

/** Where relying parties find revocation data and issuers: plain http (RFC 5280 8: a TLS fetch could loop). */
export interface PublicUrls {
  crl(authority: string): string
  ocsp(authority: string): string
  issuer(authority: string): string
}

/** URLs below the public base of the plain listener, such as "http://ca.example.test". No slash at the end. */
export function publicUrls(base: string): PublicUrls {
  return {
    crl: (authority) => `${base}/crl/${authority}.crl`,
    // No slash at the end either: HAProxy would ask for "//".
    ocsp: () => `${base}/ocsp`,
    issuer: (authority) => `${base}/ca/${authority}.crt`,
  }
}

/** The extensions that every certificate of this authority and profile shares. */
export function sharedExtensions(
  authority: Authority,
  profile: Profile,
  urls: PublicUrls,
): readonly Extension[] {
  const extensions: Extension[] = [basicConstraints({ ca: false }), keyUsage(profile.keyUsage)]
  if (profile.extendedKeyUsage.length > 0) {
    // RFC 3161 2.3: whoever verifies a time stamp wants this purpose critical.
    extensions.push(extendedKeyUsage(profile.extendedKeyUsage, hasPurpose(profile, 'timeStamping')))
  }
  extensions.push(authorityKeyIdentifier(authority.keyIdentifier))
  // RFC 9608 3: a certificate with noRevAvail has neither a CDP nor an OCSP address.
  if (profile.crlDistributionPoint && !profile.noRevocation)
    extensions.push(crlDistributionPoints([urls.crl(authority.id)]))
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
  return extensions
}
