import type { Authority } from '../ca/authority.ts'
import { CaError } from '../errors.ts'
import type { PublishedCrl } from './published-crl.ts'
import type { CrlPublisher } from './publisher.ts'

type Crls = Pick<CrlPublisher, 'current' | 'hasPublished'>

/**
 * The authorities that the CRLs of a bundle are of: one and those above it, or with "roots" all whose certificate is valid and whose
 * CRLs have begun. An authority counts once it and everybody above it have had their first CRL: with any of these missing, what it
 * issues is refused whether the others' CRLs are given or not, so nothing may be withheld for its sake; a second hierarchy
 * must not take the CRLs of the first away until its root's is brought, nor a new authority until its own is made. One whose CRL
 * has expired or was lost goes on to count: relying parties see it in chains, and the file that they have is better than one without.
 * A CA between an authority and its root counts from its first CRL on: until one is brought, those who have leaves alone checked need none.
 */
export function bundledAuthorities(
  name: string,
  all: readonly Authority[],
  publisher: Pick<Crls, 'hasPublished'>,
  now: number,
): readonly Authority[] {
  const valid = all.filter(
    ({ id, role, answersUntil }) =>
      answersUntil > now && (role !== 'intermediate' || publisher.hasPublished(id)),
  )
  if (name === 'roots') {
    const begun = valid.filter((one) => wayUp(one, valid).every(({ id }) => publisher.hasPublished(id)))
    // Before the first, what is missing is said.
    return begun.length > 0 ? begun : valid
  }
  const one = all.find(({ id }) => id === name)
  if (!one) throw new CaError('notFound', `There is no authority "${name}". Try roots, for all of them.`)
  return wayUp(one, valid)
}

function wayUp(one: Authority, all: readonly Authority[]): readonly Authority[] {
  const path = [one.certificate.der, ...one.chain]
  return all.filter(({ certificate }) => path.some((der) => der.equals(certificate.der)))
}

/**
 * The current full CRL of each of them. Envoy, HAProxy and nginx check the whole chain, and a missing or expired CRL of any
 * issuer in it rejects every peer: so it is all of them, or "authorityNotReady". `now` in seconds since 1970.
 */
export function bundledCrls(
  authorities: readonly Authority[],
  publisher: Pick<Crls, 'current'>,
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
