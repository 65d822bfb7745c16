import { entityTag } from '../entity-tag.ts'
import { encodePem } from '../pki/pem.ts'
import type { CrlRow } from '../store/queries.ts'

/** A CRL as it is served. */
export interface PublishedCrl {
  readonly der: Buffer
  readonly pem: string
  readonly number: number
  /** Seconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** How many certificates it lists. */
  readonly entries: number
  /** Quoted, as the header has it. */
  readonly etag: string
}

export function publishedCrl({ der, number, thisUpdate, nextUpdate, entries }: CrlRow): PublishedCrl {
  const etag = entityTag(der)
  return { der, pem: encodePem('X509 CRL', der), number, thisUpdate, nextUpdate, entries, etag }
}
