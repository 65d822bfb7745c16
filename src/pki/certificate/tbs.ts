import { context, integer, sequence, time } from '../der/write.ts'
import type { SignatureAlgorithm } from '../keys/algorithms.ts'
import { type Extension, encodeExtensions } from './extensions.ts'

const VERSION_3 = context(0, integer(2))

export interface TbsFields {
  /** Hexadecimal, positive, at most 20 octets. */
  readonly serialNumber: string
  readonly signature: SignatureAlgorithm
  /** DER Names: the issuer's is its certificate's subject byte for byte, so that chains match by memcmp. */
  readonly issuer: Uint8Array
  readonly subject: Uint8Array
  /** Seconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** DER subjectPublicKeyInfo. */
  readonly spki: Uint8Array
  readonly extensions: readonly Extension[]
}

/** A version 3 TBSCertificate (RFC 5280 4.1), ready to be signed. */
export function encodeTbs(fields: TbsFields): Buffer {
  const { serialNumber } = fields
  // Buffer.from(…, 'hex') stops silently at the first character that is not hexadecimal.
  if (!/^(?:[0-9a-f]{2}){1,20}$/.test(serialNumber) || /^0+$/.test(serialNumber)) {
    throw new RangeError(`not a serial number: ${serialNumber}`)
  }
  return sequence(
    VERSION_3,
    integer(Buffer.from(serialNumber, 'hex')),
    fields.signature.identifier,
    fields.issuer,
    sequence(time(fields.notBefore), time(fields.notAfter)),
    fields.subject,
    fields.spki,
    context(3, encodeExtensions(fields.extensions)),
  )
}
