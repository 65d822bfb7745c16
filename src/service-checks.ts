import type { Acme } from './acme/acme.ts'
import type { Authority } from './ca/authority.ts'
import type { HealthCheck } from './health.ts'

/** The default authority first, without which nothing is issued; then the others that should issue. `now`: seconds since 1970. */
export function authorityChecks(authorities: readonly Authority[], now: number): HealthCheck[] {
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

function lifeCheck(name: string, { id, usableUntil: until }: Authority, now: number): HealthCheck {
  const ok = until > now
  const reason = ok ? null : `The certificate of authority "${id}", or one above it, has expired.`
  return { name, ok, reason, until }
}

/** Challenges that wait longer than the client does are as good as none that are looked at. */
export function acmeCheck({ validator }: Acme): HealthCheck {
  const { isOverloaded } = validator
  const reason =
    'So many challenges wait for validation that some are not in memory: raise acme.validation.concurrency.'
  return { name: 'acme', ok: true, reason: isOverloaded ? reason : null }
}
