import { authorityKeyIdentifier, encodeExtensions } from '../certificate/extensions.ts'
import { context, integer, sequence, time } from '../der/write.ts'

const VERSION_2 = integer(1)
const CRL_NUMBER = '2.5.29.20'

export interface CrlFields {
  readonly signature: { readonly identifier: Uint8Array }
  /** DER Name, byte for byte the subject of the issuer's certificate. */
  readonly issuer: Uint8Array
  /** Seconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** The finished entries, one after the other; empty if nothing is revoked. */
  readonly entries: Uint8Array
  /** The issuer's subjectKeyIdentifier, which RFC 5280 5.2.1 wants in every CRL. */
  readonly authorityKeyIdentifier: Uint8Array
  readonly number: number
}

/**
 * A full CRL's TBSCertList, version 2 (RFC 5280 5.1), ready to be signed. It has no issuingDistributionPoint:
 * an IDP must match the certificates' distribution points, and without one the CRL is good at any place.
 */
export function encodeCrlTbs(fields: CrlFields): Buffer {
  const extensions = encodeExtensions([
    authorityKeyIdentifier(fields.authorityKeyIdentifier),
    { oid: CRL_NUMBER, critical: false, value: integer(fields.number) },
  ])
  return sequence(
    VERSION_2,
    fields.signature.identifier,
    fields.issuer,
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    // RFC 5280 5.1.2.6: with nothing revoked the list is absent, not empty.
    ...(fields.entries.length > 0 ? [sequence(fields.entries)] : []),
    context(0, extensions),
  )
}
