import { authorityKeyIdentifier, encodeExtensions } from '../certificate/extensions.ts'
import { context, integer, TAG, time, tlvHeader } from '../der/write.ts'
import { crlNumber, deltaCrlIndicator, freshestCrl, issuingDistributionPoint } from './extensions.ts'

const VERSION_2 = integer(1)

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
  /** Of a delta CRL: the number of the CRL that it counts from. */
  readonly baseNumber?: number | undefined
  /**
   * Of a CRL of one partition: the URLs by which certificates name it. A CRL of all certificates has no
   * issuingDistributionPoint: without one it is good at any place.
   */
  readonly locations?: readonly string[] | undefined
  /** Of a full CRL: where its deltas are. */
  readonly deltaUrls?: readonly string[] | undefined
}

/** A TBSCertList, version 2 (RFC 5280 5.1), ready to be signed. */
export function encodeCrlTbs(fields: CrlFields): Buffer {
  return Buffer.concat(crlTbsParts(fields, [fields.entries]))
}

/** Likewise in parts that follow each other: `entries` are not copied, and may be given in many. */
export function crlTbsParts(
  fields: Omit<CrlFields, 'entries'>,
  entries: readonly Uint8Array[],
): readonly Uint8Array[] {
  const { baseNumber, locations = [], deltaUrls = [] } = fields
  const extensions = encodeExtensions([
    authorityKeyIdentifier(fields.authorityKeyIdentifier),
    crlNumber(fields.number),
    ...(baseNumber === undefined ? [] : [deltaCrlIndicator(baseNumber)]),
    ...(locations.length > 0 ? [issuingDistributionPoint(locations)] : []),
    ...(deltaUrls.length > 0 ? [freshestCrl(deltaUrls)] : []),
  ])
  const list = lengthOf(entries)
  const contents = [
    VERSION_2,
    fields.signature.identifier,
    fields.issuer,
    time(fields.thisUpdate),
    time(fields.nextUpdate),
    // RFC 5280 5.1.2.6: with nothing revoked the list is absent, not empty.
    ...(list > 0 ? [tlvHeader(TAG.sequence, list), ...entries] : []),
    context(0, extensions),
  ]
  return [tlvHeader(TAG.sequence, lengthOf(contents)), ...contents]
}

function lengthOf(parts: readonly Uint8Array[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
