import type { Authority } from '../ca/authority.ts'
import { Publication, type PublicationContext } from './publication.ts'
import { scopesOf } from './scopes.ts'

/** Of an authority: the one of all certificates first, then by partition. */
export type PublicationsOfOne = readonly [Publication, ...Publication[]]

/** The publications that there are, by authority. */
export class Publications {
  readonly #context: PublicationContext
  readonly #known = new Map<string, PublicationsOfOne>()

  constructor(context: PublicationContext) {
    this.#context = context
  }

  of(authority: string): PublicationsOfOne {
    const known = this.#known.get(authority)
    if (known) return known
    const whole = [new Publication({ authority, partition: null }, this.#context)] as const
    // A made-up id, from a URL, must not be kept.
    if (this.#context.authority(authority)) this.#known.set(authority, whole)
    return whole
  }

  all(): Publication[] {
    return [...this.#known.values()].flat()
  }

  /**
   * Makes one for each scope that the authority has by now, and keeps those that there are. Each with the places that issued
   * certificates name for its CRL.
   */
  async settle({ id, signer }: Authority): Promise<[Publication, readonly string[]][]> {
    const { store, options, urls } = this.#context
    const issued = await store.read.crlLocations(id)
    const known = this.of(id)
    // What is signed elsewhere names no partition, and a CRL that is brought speaks of all.
    const { partitions } = signer ? options(id) : { partitions: 1 }
    const settled = scopesOf(id, { partitions }, issued, urls()).map(
      ({ issuedLocations, ...scope }): [Publication, readonly string[]] => [
        known.find((one) => one.scope.partition === scope.partition) ?? new Publication(scope, this.#context),
        issuedLocations,
      ],
    )
    const publications = settled.map(([publication]) => publication)
    this.#known.set(id, publications as [Publication, ...Publication[]])
    return settled
  }
}
