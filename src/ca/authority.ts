import type { NameLimits } from '../pki/certificate/name-constraints.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import type { AuthorityRole, Phase } from '../store/authority-commands.ts'
import type { Signer } from './signer.ts'

/** A CA that this service speaks for. The `signer` of a root, and of one between, is null: its key is elsewhere. */
export interface Authority {
  readonly id: string
  readonly role: AuthorityRole
  readonly state: Phase
  /** The id of the authority whose place it takes. */
  readonly replaces: string | null
  /** The one that issues where a request names none. */
  readonly isDefault: boolean
  readonly certificate: CertificateInfo
  /** When it came to be known here. Seconds since 1970. */
  readonly createdAt: number
  /** Since when its certificate stands in bundles, and when its state changed last. Seconds since 1970. */
  readonly publishedAt: number
  readonly changedAt: number
  /** DER certificates above it, nearest issuer first, root last; empty for a root. */
  readonly chain: readonly Buffer[]
  readonly signer: Signer | null
  /** What its certificates and CRLs carry as authorityKeyIdentifier. */
  readonly keyIdentifier: Buffer
  /** The first end among its certificate and those above it, seconds since 1970: nothing it issues may live longer. */
  readonly usableUntil: number
  /** Until when it makes CRLs and OCSP responses: a retired one ends a little after its last certificate. Seconds since 1970. */
  readonly answersUntil: number
  /** The name constraints of its certificate and of those above it: a name outside would be refused by relying parties. */
  readonly nameLimits: readonly NameLimits[]
  /** The extended key usages, dotted, of its certificate and of those above it that have one. */
  readonly purposeLimits: readonly (readonly string[])[]
}

/** One whose key is here. */
export type IssuingAuthority = Authority & { readonly signer: Signer }
