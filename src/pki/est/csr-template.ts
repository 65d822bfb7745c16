import type { Extension } from '../certificate/extensions.ts'
import { extensionRequest } from '../csr/encode.ts'
import {
  bitString,
  boolean,
  context,
  integer,
  NULL,
  octetString,
  oid,
  sequence,
  setOf,
} from '../der/write.ts'
import { encodeRelativeName } from '../distinguished-name.ts'
import { CURVES, KEY_ALGORITHMS, type KeyType } from '../keys/algorithms.ts'
import { encodeCsrAttributes } from './csr-attributes.ts'
import { type CsrWish, commonKey, type WishedExtension } from './csr-wish.ts'

const REQUEST_TEMPLATE = oid('1.2.840.113549.1.9.16.2.61')
const EXTENSION_REQUEST_TEMPLATE = oid('1.2.840.113549.1.9.16.2.62')

/**
 * CsrAttrs with a CertificationRequestInfoTemplate (RFC 9908 3.4). The form of RFC 7030 stands before it: clients that
 * know the template ignore the rest (section 4), and the others still learn what the older form can say.
 */
export function encodeCsrTemplate(wish: CsrWish): Buffer {
  return encodeCsrAttributes(wish, sequence(REQUEST_TEMPLATE, setOf(requestTemplate(wish))))
}

/** The CertificationRequestInfoTemplate alone. */
export function requestTemplate(wish: CsrWish): Buffer {
  return sequence(
    integer(0),
    ...(wish.subject.length === 0 ? [] : [sequence(...wish.subject.map(encodeRelativeName))]),
    ...publicKey(wish.keyTypes),
    context(1, ...extensionWishes(wish.extensions)),
  )
}

/** SubjectPublicKeyInfoTemplate. Several curves are as good as none: there is no algorithm identifier for them. */
function publicKey(keyTypes: readonly KeyType[]): Buffer[] {
  const common = commonKey(keyTypes)
  if (!common) return []
  const algorithm = oid(KEY_ALGORITHMS[common.family])
  switch (common.family) {
    case 'ed25519':
      return [context(0, sequence(algorithm))]
    case 'ec':
      return common.type === null
        ? []
        : [context(0, sequence(algorithm, oid(CURVES[common.type as keyof typeof CURVES])))]
    case 'rsa':
      return [
        context(0, sequence(algorithm, NULL), ...(common.type === null ? [] : [placeholder(common.type)])),
      ]
  }
}

/** RFC 9908 3.4: an RSA key's size is told by a public key whose modulus has it. This one has no private key. */
function placeholder(type: KeyType): Buffer {
  const modulus = Buffer.alloc(Number(type.slice(4)) / 8)
  modulus[0] = 0x80
  modulus[modulus.length - 1] = 1
  return bitString(sequence(integer(modulus), integer(65537)))
}

/** Never both attributes, and extensionRequest wherever it can say all (RFC 9908 3.4). */
function extensionWishes(extensions: readonly WishedExtension[]): Buffer[] {
  if (extensions.length === 0) return []
  if (extensions.every((extension): extension is Extension => extension.value !== null)) {
    return [extensionRequest(extensions)]
  }
  const templates = extensions.map(({ oid: id, critical, value }) =>
    sequence(oid(id), ...(critical ? [boolean(true)] : []), ...(value === null ? [] : [octetString(value)])),
  )
  return [sequence(EXTENSION_REQUEST_TEMPLATE, setOf(sequence(...templates)))]
}
