import type { Extension } from '../certificate/extensions.ts'
import { CHALLENGE_PASSWORD } from '../csr/channel-binding.ts'
import { extensionRequest } from '../csr/encode.ts'
import { integer, oid, sequence, setOf } from '../der/write.ts'
import { attributeOid } from '../distinguished-name.ts'
import { CURVES, defaultHash, KEY_ALGORITHMS, type KeyType, signatureAlgorithm } from '../keys/algorithms.ts'
import { type CsrWish, commonKey } from './csr-wish.ts'

/**
 * CsrAttrs (RFC 8951 4) in the form of RFC 7030 4.5.2, as RFC 9908 3.2 makes it clear; `more` are further elements.
 * That form cannot give values of a subject, so only attributes without one are named.
 */
export function encodeCsrAttributes(wish: CsrWish, ...more: readonly Buffer[]): Buffer {
  const complete = wish.extensions.filter((extension): extension is Extension => extension.value !== null)
  return sequence(
    // RFC 8951 4: by this OID alone do clients know that they must bind the CSR.
    ...(wish.channelBinding ? [oid(CHALLENGE_PASSWORD)] : []),
    ...key(wish.keyTypes),
    ...wish.subject.flatMap((attribute) => ('value' in attribute ? [] : [oid(attributeOid(attribute.type))])),
    // extensionRequest has no place for an extension without a value; RFC 9908 5.2 names such things beside it.
    ...wish.extensions.flatMap((extension) => (extension.value === null ? [oid(extension.oid)] : [])),
    ...(complete.length === 0 ? [] : [extensionRequest(complete)]),
    ...signature(wish.keyTypes),
    ...more,
  )
}

/** RFC 9908 3.2: one attribute at most; its values are empty where any key of the algorithm would do. */
function key(keyTypes: readonly KeyType[]): Buffer[] {
  const common = commonKey(keyTypes)
  return common ? [sequence(oid(KEY_ALGORITHMS[common.family]), setOf(...parameters(common.type)))] : []
}

function parameters(type: KeyType | null): Buffer[] {
  switch (type) {
    case null:
    case 'Ed25519':
      return []
    case 'RSA-2048':
    case 'RSA-3072':
    case 'RSA-4096':
      return [integer(Number(type.slice(4)))]
    default:
      return [oid(CURVES[type])]
  }
}

/** A hint that keeps clients from SHA-1. Only one kind of key has one usual signature. */
function signature(keyTypes: readonly KeyType[]): Buffer[] {
  const common = commonKey(keyTypes)
  if (!common?.type) return []
  const hash = common.family === 'ed25519' ? null : defaultHash(common.type)
  return [oid(signatureAlgorithm(common.family, hash).oid)]
}
