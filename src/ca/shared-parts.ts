import type { Extension } from '../pki/certificate/extensions.ts'
import { crlPartition } from '../pki/crl/partition.ts'
import { namesCrl, type PublicUrls, sharedExtensions } from './certificate-template.ts'
import type { Grant } from './policy/grant.ts'

export interface SharedPartsContext {
  /** Asked at each issuance: a listener on a port that the system picks knows its URL late. */
  readonly urls: () => PublicUrls
  /** Over how many CRLs the certificates of an authority are spread; 1 where they all name the full one. */
  readonly crlPartitions: (authority: string) => number
}

/** What certificates of one authority, profile and partition of the CRL have in common, encoded once. */
export class SharedParts {
  readonly #context: SharedPartsContext
  /** By the issuer's certificate, and by profile and partition. */
  readonly #known = new WeakMap<object, Map<string, readonly Extension[]>>()

  constructor(context: SharedPartsContext) {
    this.#context = context
  }

  extensions(grant: Grant, serialNumber: string): readonly Extension[] {
    const { authority, profile } = grant
    const partition = this.#partition(grant, serialNumber)
    const ofIssuer = this.#known.get(authority.certificate) ?? new Map<string, readonly Extension[]>()
    this.#known.set(authority.certificate, ofIssuer)
    const key = `${profile.name}/${partition}`
    const shared = ofIssuer.get(key) ?? sharedExtensions(authority, profile, this.#context.urls(), partition)
    ofIssuer.set(key, shared)
    return shared
  }

  /** Which partition of the CRL the certificate names, and the URL in it; null where it names the full one. */
  partition(grant: Grant, serialNumber: string): { number: number; url: string } | null {
    const number = this.#partition(grant, serialNumber)
    return number === null ? null : { number, url: this.#context.urls().crl(grant.authority.id, number) }
  }

  #partition({ authority, profile }: Grant, serialNumber: string): number | null {
    const partitions = namesCrl(profile) ? this.#context.crlPartitions(authority.id) : 1
    return partitions > 1 ? crlPartition(serialNumber, partitions) : null
  }
}
