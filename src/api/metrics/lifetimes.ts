import type { Registry } from 'prom-client'
import { epochSeconds } from '../../clock.ts'
import type { HealthCheck } from '../../health.ts'
import { gauge } from '../../metrics/exposition.ts'
import type { Service } from '../../service.ts'

/** What ends at some time, and what `/readyz` says. */
export function describeLifetimes(registry: Registry, { authorities, clock, health }: Service): void {
  const left = (until: number) => until - epochSeconds(clock())
  gauge(
    registry,
    {
      name: 'chancery_authority_seconds_to_expiry',
      help: 'Time until the certificate of the authority expires, negative afterwards.',
      labels: ['authority', 'role', 'state'],
    },
    () =>
      authorities.all().map(({ id, role, state, certificate }) => ({
        labels: { authority: id, role, state },
        value: left(certificate.notAfter),
      })),
  )
  gauge(
    registry,
    {
      name: 'chancery_authority_chain_seconds_to_expiry',
      help: 'Time until the authority or one above it expires: nothing that it issues lasts longer.',
      labels: ['authority'],
    },
    () =>
      authorities
        .all()
        .map(({ id, usableUntil }) => ({ labels: { authority: id }, value: left(usableUntil) })),
  )
  const lasting = (name: string) =>
    health().flatMap((check) => (check.name === name && check.until !== undefined ? [check.until] : []))
  gauge(
    registry,
    {
      name: 'chancery_tls_certificate_seconds_to_expiry',
      help: 'Time until the certificate of the TLS listener expires, negative afterwards.',
    },
    () => lasting('tls').map((until) => ({ labels: {}, value: left(until) })),
  )
  const byAuthority = (check: HealthCheck) => ({ authority: check.name.slice('ocsp:'.length) })
  gauge(
    registry,
    {
      name: 'chancery_ocsp_seconds_to_lapse',
      help: 'Time until the certificate of the OCSP responder ends, or the first of the responses that were brought.',
      labels: ['authority'],
    },
    () =>
      health().flatMap((check) =>
        check.name.startsWith('ocsp:') && check.until !== undefined
          ? [{ labels: byAuthority(check), value: left(check.until) }]
          : [],
      ),
  )
  gauge(
    registry,
    {
      name: 'chancery_ready',
      help: '1 where the part can do its work, as in /readyz.',
      labels: ['part'],
    },
    () => health().map(({ name, ok }) => ({ labels: { part: name }, value: Number(ok) })),
  )
  gauge(
    registry,
    {
      name: 'chancery_attention',
      help: '1 where somebody has to see to the part, which may be ready all the same; /readyz says why.',
      labels: ['part'],
    },
    () => health().map(({ name, reason }) => ({ labels: { part: name }, value: Number(reason !== null) })),
  )
}
