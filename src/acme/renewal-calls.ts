import type { Origin, Principal } from '../auth/principal.ts'
import { auditEntry } from '../ca/audit.ts'
import { epochSeconds, rfc3339 } from '../clock.ts'
import { CaError } from '../errors.ts'
import { normaliseSerial } from '../pki/serial-number.ts'
import type { AcmeContext } from './context.ts'

export interface RenewalWish {
  /** Certificates by serial number, or all that an authority has issued until now. */
  readonly which: { readonly serialNumbers: readonly string[] } | { readonly authority: string }
  /** Seconds since 1970; now if absent. */
  readonly startsAt: number | undefined
  /** Over how many seconds the clients spread themselves. */
  readonly within: number
  /** Of a page for people (RFC 9773 4.2). */
  readonly explanationUrl: string | null
}

export interface RenewalCall {
  /** How many certificates are concerned. */
  readonly certificates: number
  readonly startsAt: number
  readonly endsAt: number
}

/**
 * Says that certificates should be renewed before their time: the suggested window of RFC 9773 is pulled forward. The newest
 * call that concerns a certificate counts. Throws `CaError` "malformedRequest", "notFound" or "unknownAuthority".
 */
export async function callForRenewal(
  wish: RenewalWish,
  admin: Principal,
  origin: Origin,
  { store, clock }: Pick<AcmeContext, 'store' | 'clock'>,
): Promise<RenewalCall> {
  const { within, explanationUrl } = wish
  if (within < 1) {
    throw new CaError('malformedRequest', 'Clients need at least one second to spread themselves over.')
  }
  const now = clock()
  const startsAt = wish.startsAt ?? epochSeconds(now)
  const endsAt = startsAt + within
  const which = distinct(wish.which)
  const target = 'authority' in which ? which.authority : ''
  const audit = auditEntry('renewal.call', 'ok', target, admin, origin, now, {
    ...which,
    startsAt: rfc3339(startsAt),
    endsAt: rfc3339(endsAt),
  })
  const { certificates } = await store.write('callForRenewal', {
    ...{ which, startsAt, endsAt, explanationUrl, audit },
    issuedUntil: now.getTime(),
  })
  return { certificates, startsAt, endsAt }
}

function distinct(which: RenewalWish['which']): RenewalWish['which'] {
  if ('authority' in which) return which
  return { serialNumbers: [...new Set(which.serialNumbers.map(normaliseSerial))] }
}
