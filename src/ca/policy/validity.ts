import { rfc3339 } from '../../clock.ts'
import { formatDuration } from '../../config/duration.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'
import type { Authority } from '../authority.ts'
import type { IssuanceRequest } from '../request.ts'

export interface Validity {
  readonly notBefore: number
  readonly notAfter: number
}

/**
 * The life of the certificate, in seconds since 1970. What is asked for must fit the profile and the issuer;
 * the profile's default is cut at the issuer's end, since no certificate may outlive its issuer. `grantedAt`: when the beginning
 * that is asked for was granted, if that was earlier; it is kept to (RFC 8555 7.4).
 */
export function grantValidity(
  wanted: Pick<IssuanceRequest, 'validity' | 'notBefore' | 'notAfter'>,
  profile: Profile,
  authority: Authority,
  now: number,
  grantedAt = now,
): Validity {
  if (wanted.validity !== undefined && wanted.notAfter !== undefined) {
    throw new CaError('malformedRequest', 'Give "validity" or "notAfter", not both.')
  }
  const { certificate, usableUntil } = authority
  // What it issued would begin no sooner, and could end before it begins.
  if (now < certificate.notBefore) throw new CaError('authorityNotReady', notBegun(authority, now))
  if (now >= usableUntil)
    throw new CaError(
      'authorityNotReady',
      `The certificate of authority "${authority.id}", or one above it, has expired.`,
    )
  const start = wanted.notBefore === undefined ? now : Math.max(grantedAt, wanted.notBefore)
  const explicit = wanted.notAfter ?? (wanted.validity === undefined ? undefined : start + wanted.validity)
  const notBefore = wanted.notBefore ?? Math.max(now - profile.validity.backdate, certificate.notBefore)
  if (wanted.notBefore !== undefined) checkStart(wanted.notBefore, profile, authority, grantedAt)
  const end = explicit ?? Math.min(start + profile.validity.default, usableUntil)
  if (end <= Math.max(start, now))
    throw new CaError('malformedRequest', 'The certificate would have expired already.')
  if (end - start > profile.validity.maximum) {
    throw new CaError(
      'validityNotAllowed',
      `Profile "${profile.name}" allows at most ${formatDuration(profile.validity.maximum)}; ask for less.`,
    )
  }
  if (end > usableUntil) {
    throw new CaError(
      'validityNotAllowed',
      `The certificate would outlive its issuer, which ends at ${rfc3339(usableUntil)}.`,
    )
  }
  return { notBefore, notAfter: end }
}

/** Why an authority issues nothing before its certificate is valid, in words that say what to do. */
export function notBegun({ id, certificate }: Pick<Authority, 'id' | 'certificate'>, now: number): string {
  return `The certificate of authority "${id}" is valid from ${rfc3339(certificate.notBefore)} on, and this machine’s clock says ${rfc3339(now)}: set the clock.`
}

/** A certificate that is dated back says that it was there when it was not; one that is dated ahead must begin in time. */
function checkStart(notBefore: number, profile: Profile, authority: Authority, now: number): void {
  const { backdate, maximum } = profile.validity
  const earliest = Math.max(now - backdate, authority.certificate.notBefore)
  if (notBefore < earliest || notBefore > now + maximum || notBefore >= authority.usableUntil) {
    throw new CaError(
      'validityNotAllowed',
      `The certificate may begin ${formatDuration(backdate)} ago at the earliest and in ${formatDuration(maximum)} at the latest; leave "notBefore" out to have it begin now.`,
    )
  }
}
