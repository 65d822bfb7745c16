import { formatDuration } from '../../config/duration.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'
import type { Authority } from '../authority.ts'

export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * The life of the certificate, in seconds since 1970. What is asked for must fit the profile and the issuer;
 * the profile's default is cut at the issuer's end, since no certificate may outlive its issuer.
 */
export function grantValidity(
  wanted: { validity?: number | undefined; notAfter?: number | undefined },
  profile: Profile,
  authority: Authority,
  now: number,
): Validity {
  if (wanted.validity !== undefined && wanted.notAfter !== undefined) {
    throw new CaError('malformedRequest', 'Give "validity" or "notAfter", not both.')
  }
  const { certificate, usableUntil } = authority
  if (now >= usableUntil)
    throw new CaError(
      'authorityNotReady',
      `The certificate of authority "${authority.id}", or one above it, has expired.`,
    )
  const explicit = wanted.notAfter ?? (wanted.validity === undefined ? undefined : now + wanted.validity)
  const notBefore = Math.max(now - profile.validity.backdate, certificate.notBefore)
  if (explicit === undefined) {
    return { notBefore, notAfter: Math.min(now + profile.validity.default, usableUntil) }
  }
  if (explicit <= now) throw new CaError('malformedRequest', 'The certificate would have expired already.')
  if (explicit - now > profile.validity.maximum) {
    throw new CaError(
      'validityNotAllowed',
      `Profile "${profile.name}" allows at most ${formatDuration(profile.validity.maximum)}; ask for less.`,
    )
  }
  if (explicit > usableUntil) {
    throw new CaError(
      'validityNotAllowed',
      `The certificate would outlive its issuer, which ends at ${new Date(usableUntil * 1000).toISOString()}.`,
    )
  }
  return { notBefore, notAfter: explicit }
}
