import { type KeyObject, sign } from 'node:crypto'
import { type Extension, encodeExtensions } from '../certificate/extensions.ts'
import { context, integer, oid, sequence, setOf } from '../der/write.ts'
import { defaultHash, signatureAlgorithm } from '../keys/algorithms.ts'
import { readPublicKey, spkiOf } from '../keys/public-key.ts'
import { assembleSigned } from '../signed.ts'
import { EXTENSION_REQUEST } from './requested-extensions.ts'

/** The extensionRequest attribute (RFC 2985 5.4.2). RangeError on an empty list, and on an extension that stands twice. */
export function extensionRequest(extensions: readonly Extension[]): Buffer {
  return sequence(oid(EXTENSION_REQUEST), setOf(encodeExtensions(extensions)))
}

/** A PKCS #10 request (RFC 2986), signed with the private key. `subject` is a DER Name; `extensions` may be empty. */
export function encodeCsr(request: {
  key: KeyObject
  subject: Buffer
  extensions: readonly Extension[]
}): Buffer {
  const spki = spkiOf(request.key)
  const { family, type } = readPublicKey(spki)
  const algorithm = signatureAlgorithm(family, family === 'ed25519' ? null : defaultHash(type))
  const attributes =
    request.extensions.length === 0 ? context(0) : context(0, extensionRequest(request.extensions))
  const info = sequence(integer(0), request.subject, spki, attributes)
  return assembleSigned(info, algorithm, sign(algorithm.hash, info, request.key))
}
