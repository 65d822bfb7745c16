import { distributionPoint, type Extension, fullName } from '../certificate/extensions.ts'
import { context, integer, sequence } from '../der/write.ts'

export const CRL_EXTENSION = {
  crlNumber: '2.5.29.20',
  deltaCrlIndicator: '2.5.29.27',
  issuingDistributionPoint: '2.5.29.28',
  freshestCrl: '2.5.29.46',
} as const

/** Of one entry (RFC 5280 5.3). */
export const ENTRY_EXTENSION = {
  reasonCode: '2.5.29.21',
  invalidityDate: '2.5.29.24',
} as const

/** RFC 5280 5.2.3. */
export function crlNumber(number: number): Extension {
  return { oid: CRL_EXTENSION.crlNumber, critical: false, value: integer(number) }
}

/** RFC 5280 5.2.4: critical, so that whoever knows no deltas does not take one for a full CRL. */
export function deltaCrlIndicator(baseNumber: number): Extension {
  return { oid: CRL_EXTENSION.deltaCrlIndicator, critical: true, value: integer(baseNumber) }
}

/**
 * RFC 5280 5.2.5, critical. One of the names must be the one in the certificate's distribution point (6.3.3 (b)(2)), letter
 * by letter.
 */
export function issuingDistributionPoint(urls: readonly string[]): Extension {
  return {
    oid: CRL_EXTENSION.issuingDistributionPoint,
    critical: true,
    // DistributionPointName is a CHOICE, so that its tag is explicit.
    value: sequence(context(0, fullName(urls))),
  }
}

/** RFC 5280 5.2.6: where the deltas of a full CRL are; never in a delta. */
export function freshestCrl(urls: readonly string[]): Extension {
  return { oid: CRL_EXTENSION.freshestCrl, critical: false, value: sequence(distributionPoint(urls)) }
}
