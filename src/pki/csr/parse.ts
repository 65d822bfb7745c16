import { CaError } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { TAG } from '../der/write.ts'
import { readStatedKey, type StatedKey } from '../keys/public-key.ts'
import type { SubjectName } from '../names/san.ts'
import { type Attribute, readAttributes } from './attributes.ts'
import { readCommonNames } from './common-names.ts'
import { type RequestedExtension, readRequestedExtensions, requestedNames } from './requested-extensions.ts'

/** A parsed PKCS #10 request. Nothing in it is proven until `proveCsr` has passed. Buffers are views of `der`. */
export interface CertificationRequest {
  readonly der: Buffer
  /** What the signature covers: the certificationRequestInfo, a whole TLV. */
  readonly signed: Buffer
  /** Name, a whole TLV. */
  readonly subject: Buffer
  /** The subject's common names that are not empty, as text, not normalised. */
  readonly commonNames: readonly string[]
  /** Whether its point is on the curve is found out by the proof. */
  readonly publicKey: StatedKey
  /** From the subjectAltName asked for: normalised, in the order asked, each once. */
  readonly names: readonly SubjectName[]
  /** All that the extensionRequest attribute holds, the subjectAltName among them. */
  readonly extensions: readonly RequestedExtension[]
  readonly attributes: readonly Attribute[]
  /** `der` is the whole AlgorithmIdentifier. */
  readonly signatureAlgorithm: { readonly oid: string; readonly der: Buffer }
  readonly signature: Buffer
}

/** No honest request comes near: RSA-4096 with a hundred names has 5 KiB. */
const LARGEST_CSR = 65_536

/**
 * Reads a CSR (RFC 2986) strictly. Errors: `malformedCsr`; `badName` for a name that cannot be certified;
 * `weakKey` and `unsupportedAlgorithm` for its key.
 */
export function parseCsr(der: Uint8Array): CertificationRequest {
  if (der.length > LARGEST_CSR) {
    throw new CaError(
      'malformedCsr',
      `The CSR has ${der.length} bytes; ${LARGEST_CSR} is the most that is read.`,
    )
  }
  const outer = new DerReader(der, 'CSR', 'malformedCsr')
  const whole = outer.expect(TAG.sequence)
  outer.end()
  const reader = outer.into(whole)
  const info = reader.expect(TAG.sequence)
  const algorithm = reader.expect(TAG.sequence)
  const signature = reader.bitString()
  reader.end()
  return {
    der: whole.bytes,
    signed: info.bytes,
    ...readInfo(reader.into(info)),
    signatureAlgorithm: { oid: reader.into(algorithm).oid(), der: algorithm.bytes },
    signature,
  }
}

function readInfo(reader: DerReader) {
  // RFC 2986 4.1 has 0 alone. certbot before 1.29, GitLab and others write 2, as in a certificate, and mean nothing by it.
  if (reader.smallInteger() > 2) {
    throw new CaError(
      'malformedCsr',
      'The CSR has a version that does not exist; make it with version 0 (RFC 2986 4.1).',
    )
  }
  const subject = reader.expect(TAG.sequence)
  const spki = reader.expect(TAG.sequence)
  // RFC 2986 wants [0] even when it is empty; some old clients leave it away, and nothing depends on it.
  const attributeSet = reader.optional(0xa0)
  reader.end()
  const attributes = attributeSet ? readAttributes(reader.into(attributeSet)) : []
  const extensions = readRequestedExtensions(attributes)
  return {
    subject: subject.bytes,
    commonNames: readCommonNames(reader.into(subject)),
    publicKey: readStatedKey(spki.bytes, 'malformedCsr'),
    names: requestedNames(extensions),
    extensions,
    attributes,
  }
}
