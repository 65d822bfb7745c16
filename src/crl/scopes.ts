import type { PublicUrls } from '../ca/certificate-template.ts'
import type { CrlOptions } from '../config/authority-schema.ts'
import type { CrlScope } from '../store/commands.ts'

export interface ScopeWithLocations extends CrlScope {
  /** The URLs that certificates issued so far name; the CRL must name each of them. */
  readonly issuedLocations: readonly string[]
}

/**
 * Everything that an authority's CRLs speak of: all its certificates, the partitions that new certificates are spread over,
 * and those that earlier ones name, so that no change of their number leaves a certificate without its CRL.
 */
export function scopesOf(
  authority: string,
  { partitions }: Pick<CrlOptions, 'partitions'>,
  issued: readonly { readonly partition: number; readonly url: string }[],
  urls: PublicUrls | null,
): ScopeWithLocations[] {
  const spread = partitions > 1 && urls !== null ? partitions : 0
  const count = Math.max(spread, ...issued.map(({ partition }) => partition + 1))
  const whole: ScopeWithLocations = { authority, partition: null, issuedLocations: [] }
  return [
    whole,
    ...Array.from({ length: count }, (_, partition) => ({
      authority,
      partition,
      issuedLocations: issued.filter((one) => one.partition === partition).map(({ url }) => url),
    })).filter(({ partition, issuedLocations }) => partition < spread || issuedLocations.length > 0),
  ]
}
