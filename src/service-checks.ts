import type { Acme } from './acme/acme.ts'
import type { Authorities } from './ca/authorities.ts'
import type { Authority } from './ca/authority.ts'
import { notBegun } from './ca/policy/validity.ts'
import { type Clock, epochSeconds } from './clock.ts'
import type { HealthCheck } from './health.ts'
import type { Store } from './store/store.ts'

/** What the service's own parts have to say, those first without which nothing works. */
export function ownChecks({
  store,
  authorities,
  clock,
  acme,
  revocation,
}: {
  readonly store: Store
  readonly authorities: Pick<Authorities, 'all'>
  readonly clock: Clock
  /** Null where it is turned off. */
  readonly acme: Acme | null
  readonly revocation: { health(): HealthCheck[] }
}): HealthCheck[] {
  const ok = store.healthy
  return [
    { name: 'store', ok, reason: ok ? null : 'The database cannot be written or read.' },
    ...authorityChecks(authorities.all(), epochSeconds(clock())),
    ...revocation.health(),
    ...(acme ? [acmeCheck(acme)] : []),
  ]
}

/** The default authority first, without which nothing is issued; then the others that should issue. `now`: seconds since 1970. */
function authorityChecks(authorities: readonly Authority[], now: number): HealthCheck[] {
  const issuing = authorities.find((one) => one.isDefault)
  const others = authorities.filter((one) => one !== issuing && one.signer && one.state === 'active')
  return [
    issuing
      ? lifeCheck('authority', issuing, now)
      : {
          name: 'authority',
          ok: false,
          reason: 'No authority can issue yet: install its signed certificate.',
        },
    // The service does its work without them.
    ...others.map((one) => ({ ...lifeCheck(`authority:${one.id}`, one, now), ok: true })),
  ]
}

function lifeCheck(name: string, authority: Authority, now: number): HealthCheck {
  const { id, certificate, usableUntil: until } = authority
  if (now < certificate.notBefore) return { name, ok: false, reason: notBegun(authority, now), until }
  const ok = until > now
  const reason = ok ? null : `The certificate of authority "${id}", or one above it, has expired.`
  return { name, ok, reason, until }
}

/** Challenges that wait longer than the client does are as good as none that are looked at. */
function acmeCheck({ validator }: Acme): HealthCheck {
  const { isOverloaded } = validator
  const reason =
    'So many challenges wait for validation that some are not in memory: raise acme.validation.concurrency.'
  return { name: 'acme', ok: true, reason: isOverloaded ? reason : null }
}
