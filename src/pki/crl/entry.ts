import { type Extension, encodeExtensions } from '../certificate/extensions.ts'
import { DerReader } from '../der/read.ts'
import { enumerated, generalizedTime, integer, sequence, TAG, time } from '../der/write.ts'
import { ENTRY_EXTENSION } from './extensions.ts'
import { REASON } from './reasons.ts'

export interface CrlEntryFields {
  /** Hexadecimal. */
  readonly serialNumber: string
  /** Seconds since 1970. */
  readonly revokedAt: number
  /** CRLReason. */
  readonly reason: number
  /** Seconds since 1970. */
  readonly invalidityDate: number | null
}

/** One element of revokedCertificates (RFC 5280 5.1), encoded once, when the certificate is revoked. */
export function encodeCrlEntry({ serialNumber, revokedAt, reason, invalidityDate }: CrlEntryFields): Buffer {
  const extensions: Extension[] = []
  // RFC 5280 5.3.1: an unspecified reason is said by leaving reasonCode out.
  if (reason !== REASON.unspecified) {
    extensions.push({ oid: ENTRY_EXTENSION.reasonCode, critical: false, value: enumerated(reason) })
  }
  if (invalidityDate !== null) {
    extensions.push({
      oid: ENTRY_EXTENSION.invalidityDate,
      critical: false,
      value: generalizedTime(invalidityDate),
    })
  }
  const facts = [integer(Buffer.from(serialNumber, 'hex')), time(revokedAt)]
  return extensions.length > 0 ? sequence(...facts, encodeExtensions(extensions)) : sequence(...facts)
}

/** The same entry with an earlier revocationDate, in seconds since 1970. */
export function entryDatedBack(entry: Uint8Array, revokedAt: number): Buffer {
  const reader = new DerReader(entry, 'CRL entry', 'internal').enter()
  const serialNumber = reader.expect(TAG.integer).bytes
  reader.time()
  const extensions = reader.done ? [] : [reader.expect(TAG.sequence).bytes]
  return sequence(serialNumber, time(revokedAt), ...extensions)
}
