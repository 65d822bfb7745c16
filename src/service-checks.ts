import type { Acme } from './acme/acme.ts'
import type { Authorities } from './ca/authorities.ts'
import type { Authority } from './ca/authority.ts'
import { notBegun } from './ca/policy/validity.ts'
import { type Clock, epochSeconds } from './clock.ts'
import type { HealthCheck } from './health.ts'
import type { RevokedAuthorities } from './revoked-authorities.ts'
import type { Store } from './store/store.ts'

/** What the service's own parts have to say, those first without which nothing works. */
export function ownChecks({
  store,
  authorities,
  clock,
  acme,
  revocation,
  revoked,
}: {
  readonly store: Store
  readonly authorities: Pick<Authorities, 'all'>
  readonly clock: Clock
  /** Null where it is turned off. */
  readonly acme: Acme | null
  readonly revocation: { health(): HealthCheck[] }
  readonly revoked: Pick<RevokedAuthorities, 'reasonOf'>
}): HealthCheck[] {
  const ok = store.healthy
  return [
    { name: 'store', ok, reason: ok ? null : 'The database cannot be written or read.' },
    ...authorityChecks(authorities.all(), revoked, epochSeconds(clock())),
    ...revocation.health(),
    ...(acme ? [acmeCheck(acme)] : []),
  ]
}

/** The default authority first, without which nothing is issued; then the others that should issue. `now`: seconds since 1970. */
function authorityChecks(
  authorities: readonly Authority[],
  revoked: Pick<RevokedAuthorities, 'reasonOf'>,
  now: number,
): HealthCheck[] {
  const check = (name: string, authority: Authority) => {
    const { ok, reason, until } = lifeCheck(authority, now)
    return { name, ok, reason: reason ?? revoked.reasonOf(authority), until }
  }
  const issuing = authorities.find((one) => one.isDefault)
  const others = authorities.filter((one) => one !== issuing && one.signer && one.state === 'active')
  return [
    issuing
      ? check('authority', issuing)
      : {
          name: 'authority',
          ok: false,
          reason: 'No authority can issue yet: install its signed certificate.',
        },
    // The service does its work without them.
    ...others.map((one) => ({ ...check(`authority:${one.id}`, one), ok: true })),
  ]
}

function lifeCheck(authority: Authority, now: number) {
  const { id, certificate, usableUntil: until } = authority
  if (now < certificate.notBefore) return { ok: false, reason: notBegun(authority, now), until }
  const ok = until > now
  const reason = ok ? null : `The certificate of authority "${id}", or one above it, has expired.`
  return { ok, reason, until }
}

/** Challenges that wait longer than the client does are as good as none that are looked at. */
function acmeCheck({ validator }: Acme): HealthCheck {
  const { isOverloaded } = validator
  const reason =
    'So many challenges wait for validation that some are not in memory: raise acme.validation.concurrency.'
  return { name: 'acme', ok: true, reason: isOverloaded ? reason : null }
}
