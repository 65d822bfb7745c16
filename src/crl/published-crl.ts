import { entityTag } from '../entity-tag.ts'
import { encodeLongPem } from '../pki/pem.ts'
import type { CrlRow } from '../store/queries.ts'

/**
 * Octets: more than a signature takes. It tells all CRLs apart, and 50 MB need not be hashed for a tag, least of all at the
 * start.
 */
const SIGNED_END = 8192

/** A CRL as it is served. */
export interface PublishedCrl {
  readonly der: Buffer
  /**
   * In ASCII, one copy for all who ask. Made when it is first asked for, since a long list takes a third more, and in slices, so that it
   * holds nobody up.
   */
  readonly pemOctets: Promise<Buffer>
  readonly number: number
  /** Seconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** The first second in which nobody was given an older one. */
  readonly servedFrom: number
  /** How many certificates it lists. */
  readonly entries: number
  /** Quoted, as the header has it. */
  readonly etag: string
}

/** `now`: when it takes the place of the one before, in seconds since 1970. */
export function publishedCrl(
  { der, number, thisUpdate, nextUpdate, entries }: CrlRow,
  now: number,
): PublishedCrl {
  let pemOctets: Promise<Buffer> | undefined
  return {
    ...{
      der,
      number,
      thisUpdate,
      nextUpdate,
      entries,
      etag: entityTag(der.subarray(-SIGNED_END)),
      servedFrom: now + 1,
    },
    get pemOctets() {
      pemOctets ??= encodeLongPem('X509 CRL', der)
      return pemOctets
    },
  }
}
