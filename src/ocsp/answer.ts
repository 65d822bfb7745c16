import type { OcspCache, OcspSays } from './answer-counts.ts'
import { encodeOcspError, type OcspStatus } from './response.ts'
import type { SignedResponse } from './sign-response.ts'

export interface OcspAnswer {
  readonly status: OcspStatus
  readonly der: Buffer
  /** For the metrics. */
  readonly says: OcspSays
  readonly cache: OcspCache
  /** How a GET of this answer may be cached (RFC 5019 6.2); null where it may not. */
  readonly cacheable: {
    /** Seconds. Ends at half the answer's life: whatever a cache hands out has the other half left. */
    readonly maxAge: number
    readonly etag: string
    /** Seconds since 1970. */
    readonly lastModified: number
    /**
     * Whoever got an answer from `from` to `now`, seconds since 1970, has this one, or one that says no less than it. Absent for all but
     * "good": another may have been given in the second in which the certificate was revoked.
     */
    readonly served?: { readonly from: number; readonly now: number }
    readonly expires: number
  } | null
}

export function ocspError(status: Exclude<OcspStatus, 'successful'>): OcspAnswer {
  return { status, der: encodeOcspError(status), says: status, cache: 'none', cacheable: null }
}

export const UNAUTHORIZED = ocspError('unauthorized')

/** How the signed answer may be cached by whoever gets it now (seconds since 1970). */
export function freshnessOf(
  { etag, thisUpdate, nextUpdate, says }: SignedResponse,
  now: number,
): NonNullable<OcspAnswer['cacheable']> {
  const half = Math.floor((thisUpdate + nextUpdate) / 2)
  return {
    ...{ maxAge: Math.max(0, half - now), etag, lastModified: thisUpdate, expires: nextUpdate },
    ...(says === 'good' && { served: { from: thisUpdate, now } }),
  }
}

/** `now`: null where no cache may keep it. */
export function answerOf(signed: SignedResponse | null, cache: OcspCache, now: number | null): OcspAnswer {
  if (!signed) return UNAUTHORIZED
  const { der, says } = signed
  const cacheable = now === null ? null : freshnessOf(signed, now)
  return { status: 'successful', der, says, cache, cacheable }
}
