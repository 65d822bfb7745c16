import type { ErrorCode } from '../../errors.ts'
import { readExtensions, readSerialNumber } from '../certificate/parse.ts'
import { DerReader } from '../der/read.ts'
import { TAG } from '../der/write.ts'
import { ENTRY_EXTENSION } from './extensions.ts'
import { REASON } from './reasons.ts'

const WHAT = 'CRL'
const REASON_CODES: readonly number[] = Object.values(REASON)

/** One revoked certificate. */
export interface CrlEntryInfo {
  /** The entry's TLV, for carrying it over into the next CRL. */
  readonly bytes: Buffer
  /** Lower-case hexadecimal without leading zero octets. */
  readonly serialNumber: string
  /** Seconds since 1970. */
  readonly revokedAt: number
  /** CRLReason. */
  readonly reason: number
  /** Seconds since 1970. */
  readonly invalidityDate: number | null
  /** The OID of a critical extension that is neither reasonCode nor invalidityDate, such as certificateIssuer. */
  readonly unknownCritical: string | null
}

/** The elements of revokedCertificates (RFC 5280 5.1), read strictly one by one. `CaError` with the given code. */
export function* readCrlEntries(
  entries: Uint8Array,
  code: ErrorCode = 'malformedRequest',
): Generator<CrlEntryInfo> {
  const reader = new DerReader(entries, WHAT, code)
  while (!reader.done) {
    const { bytes, content } = reader.expect(TAG.sequence)
    const entry = new DerReader(content, WHAT, code)
    const serialNumber = readSerialNumber(entry)
    const revokedAt = entry.time()
    yield { bytes, serialNumber, revokedAt, ...readEntryExtensions(entry, code) }
  }
}

function readEntryExtensions(entry: DerReader, code: ErrorCode) {
  let reason: number = REASON.unspecified
  let invalidityDate: number | null = null
  let unknownCritical: string | null = null
  for (const { oid, critical, value } of entry.done ? [] : readExtensions(entry)) {
    const reader = new DerReader(value, WHAT, code)
    if (oid === ENTRY_EXTENSION.reasonCode) {
      const { content } = reader.expect(TAG.enumerated)
      reader.end()
      if (content.length !== 1 || !REASON_CODES.includes(content[0]!))
        reader.fail('has an unknown reasonCode')
      reason = content[0]!
    } else if (oid === ENTRY_EXTENSION.invalidityDate) {
      // RFC 5280 5.3.2: GeneralizedTime also for the years in which other fields have UTCTime.
      if (reader.tag !== TAG.generalizedTime) reader.fail('has an invalidityDate that is no GeneralizedTime')
      invalidityDate = reader.time()
      reader.end()
    } else if (critical) unknownCritical ??= oid
  }
  return { reason, invalidityDate, unknownCritical }
}
