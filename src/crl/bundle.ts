import type { Authority } from '../ca/authority.ts'
import { CaError } from '../errors.ts'
import type { PublishedCrl } from './published-crl.ts'
import type { CrlPublisher } from './publisher.ts'

/** The authorities that a bundle speaks of: "roots" for all whose certificate is valid, or one and those above it. */
export function bundledAuthorities(
  name: string,
  all: readonly Authority[],
  now: number,
): readonly Authority[] {
  const valid = all.filter(({ answersUntil }) => answersUntil > now)
  if (name === 'roots') return valid
  const one = all.find(({ id }) => id === name)
  if (!one) throw new CaError('notFound', `There is no authority "${name}". Try roots, for all of them.`)
  return valid.filter(({ certificate }) =>
    [one.certificate.der, ...one.chain].some((der) => der.equals(certificate.der)),
  )
}

/**
 * The current full CRL of each of them. Envoy, HAProxy and nginx check the whole chain, and a missing or expired CRL of any
 * issuer in it rejects every peer: so it is all of them, or "authorityNotReady". `now` in seconds since 1970.
 */
export function bundledCrls(
  authorities: readonly Authority[],
  publisher: Pick<CrlPublisher, 'current'>,
  now: number,
): readonly PublishedCrl[] {
  // An empty bundle would say that nothing is revoked.
  if (authorities.length === 0) {
    throw new CaError(
      'authorityNotReady',
      'Every authority of the bundle has expired: there is no CRL to give.',
    )
  }
  return authorities.map(({ id }) => {
    const current = publisher.current(id)
    if (current && current.nextUpdate > now) return current
    throw new CaError(
      'authorityNotReady',
      `Authority "${id}" has no current CRL, and without it the bundle would make relying parties refuse everybody.`,
    )
  })
}
