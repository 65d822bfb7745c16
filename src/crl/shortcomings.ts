import type { Authority } from '../ca/authority.ts'
import { rfc3339 } from '../clock.ts'
import type { CrlOptions } from '../config/authority-schema.ts'
import type { Publication } from './publication.ts'
import type { PublishedCrl } from './published-crl.ts'

const DAY = 86_400
/** Somebody has to fetch a key from a safe: they should hear of it in time. Seconds. */
const NOTICE = 30 * DAY

export interface CrlHealth {
  readonly authority: string
  readonly number: number | null
  /** Seconds since 1970. */
  readonly nextUpdate: number | null
  /** False when relying parties that check CRLs refuse this authority's certificates, and when the last attempt failed: a revocation may be missing. */
  readonly ok: boolean
  /** What is wrong or soon will be, or went wrong at the last attempt. */
  readonly reason: string | null
}

/** What an operator should know of CRLs that are made: what is missing, not kept or large; null if nothing is. */
export function shortcomingOf(
  authority: Authority,
  publications: readonly Publication[],
  now: number,
  options: CrlOptions,
): string | null {
  const unkept = publications.map(({ kept }) => kept.failure).find((reason) => reason !== null)
  return lackOf(authority, publications, now) ?? unkept ?? oversizeOf(publications, options)
}

/** What is missing or soon will be in the CRLs of an authority, in words that say what to do; null if nothing. */
export function lackOf(
  { id, signer }: Authority,
  publications: readonly Publication[],
  now: number,
): string | null {
  const help = ` Its key is not here: sign a CRL where the key is, and bring it with "chancery crl install ${id} FILE".`
  for (const { scope, current, delta } of publications) {
    const which = scope.partition === null ? 'CRL' : `CRL of partition ${scope.partition}`
    if (!current) {
      return signer
        ? `It has no ${which}.`
        : `It has no CRL, which consumers that check the whole chain need.${help}`
    }
    if (current.nextUpdate <= now) return `Its ${which} has expired.${signer ? '' : help}`
    if (delta && delta.nextUpdate <= now) return `Its delta ${which} has expired.`
    if (!signer && current.nextUpdate <= now + NOTICE)
      return `Its CRL ends at ${rfc3339(current.nextUpdate)}.${help}`
  }
  return null
}

/** False when relying parties that check CRLs refuse certificates of this authority. */
export function isServed({ signer }: Authority, publications: readonly Publication[], now: number): boolean {
  return publications.every(({ current }) =>
    // Whoever keeps a root elsewhere may do without its CRL: what this service does needs none.
    current ? current.nextUpdate > now : signer === null,
  )
}

/** What to change where a CRL has grown large; null where none has. */
export function oversizeOf(
  publications: readonly Publication[],
  { warnOver, partitions }: Pick<CrlOptions, 'warnOver' | 'partitions'>,
): string | null {
  const larger = (crl: PublishedCrl | null) => (crl && crl.der.length > warnOver ? crl.der.length : null)
  for (const { scope, current, delta } of publications) {
    const size = larger(current)
    if (size !== null && scope.partition !== null) {
      return `The CRL of partition ${scope.partition} has ${size} octets, more than crl.warnOver: raise crl.partitions (now ${partitions}), so that new certificates are spread over more.`
    }
    if (size !== null) {
      return `The full CRL has ${size} octets, more than crl.warnOver (${warnOver}): shorten the validity of profiles, so that entries leave sooner; set crl.partitions, so that new certificates name smaller CRLs; or crl.delta, for clients that read deltas.`
    }
    const changes = larger(delta)
    if (changes !== null) {
      return `A delta CRL has ${changes} octets, more than crl.warnOver (${warnOver}): shorten crl.refresh, so that deltas count from a newer full CRL.`
    }
  }
  return null
}
