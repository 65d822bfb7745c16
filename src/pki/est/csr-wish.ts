import type { Extension } from '../certificate/extensions.ts'
import type { NameAttribute } from '../distinguished-name.ts'
import { type KeyType, keyFamily, type SignatureAlgorithm } from '../keys/algorithms.ts'

/** What a CSR is wished to hold (RFC 7030 4.5). */
export interface CsrWish {
  /** Whether the CSR must be bound to its TLS connection (RFC 7030 3.5). */
  readonly channelBinding: boolean
  /** The kinds of key that would be certified. What they have in common is asked for; none: nothing is. */
  readonly keyTypes: readonly KeyType[]
  /** Subject attributes in encoding order. The client finds a value for those without one. */
  readonly subject: readonly (NameAttribute | Pick<NameAttribute, 'type'>)[]
  /** None twice. The client finds a value for those with null. */
  readonly extensions: readonly WishedExtension[]
}

export interface WishedExtension extends Omit<Extension, 'value'> {
  readonly value: Buffer | null
}

/** What all the kinds of key have in common; null: nothing. `type` is null where several of one family would do. */
export function commonKey(
  keyTypes: readonly KeyType[],
): { family: SignatureAlgorithm['family']; type: KeyType | null } | null {
  const [family, ...otherFamilies] = new Set(keyTypes.map(keyFamily))
  if (!family || otherFamilies.length > 0) return null
  const [type, ...others] = new Set(keyTypes)
  return { family, type: type && others.length === 0 ? type : null }
}
