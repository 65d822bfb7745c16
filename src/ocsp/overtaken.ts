import { type HeldCrl, listedSerials } from '../pki/crl/listed-serials.ts'
import { REASON } from '../pki/crl/reasons.ts'
import type { StatusInfo } from './parse-response.ts'

/** Of the authority that the response is of. Seconds since 1970. */
export type Listing = HeldCrl & { readonly thisUpdate: number }

/**
 * Whether a response says "good" of what the CRL lists: made before it, or by one of before. A hold alone may have been
 * lifted after the CRL (RFC 5280 5.3.1).
 */
export function isOvertaken(
  { certId: { serialNumber }, status, thisUpdate }: Pick<StatusInfo, 'certId' | 'status' | 'thisUpdate'>,
  crl: Listing,
): boolean {
  const reason = serialNumber === null ? undefined : listedSerials(crl).get(serialNumber)
  if (status !== 'good' || reason === undefined) return false
  return reason !== REASON.certificateHold || crl.thisUpdate >= thisUpdate
}
