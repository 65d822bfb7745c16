import { hash } from 'node:crypto'
import { parseCertificate } from '../certificate/parse.ts'
import { context, integer, octetString, oid, sequence, setOf } from '../der/write.ts'
import { HASH_OIDS, type HashName, type SignatureAlgorithm } from '../keys/algorithms.ts'

/** What a SignedData says of its signer. */
export interface CmsSigner {
  readonly algorithm: SignatureAlgorithm
  /** DER. */
  readonly certificate: Uint8Array
  /** DER certificates that lead from it to a root, in any order; may be empty. */
  readonly chain: readonly Uint8Array[]
}

/** A SignedData that lacks its signature. */
export interface UnsignedData {
  /** What the key of the signer's certificate signs, hashed as its algorithm says. */
  readonly toBeSigned: Buffer
  /** SignedData, DER, without its ContentInfo: as it stands inside another message. */
  assemble(signature: Uint8Array): Buffer
}

/** RFC 5754 2: parameters are absent. */
const DIGESTS: Record<HashName, Buffer> = {
  sha256: sequence(oid(HASH_OIDS.sha256)),
  sha384: sequence(oid(HASH_OIDS.sha384)),
  sha512: sequence(oid(HASH_OIDS.sha512)),
}

const ID_CONTENT_TYPE = oid('1.2.840.113549.1.9.3')
const ID_MESSAGE_DIGEST = oid('1.2.840.113549.1.9.4')

/** SignedData (RFC 5652 5) by one signer. `content` is DER of `contentType`, an encoded OID other than id-data. */
export function unsignedData(contentType: Uint8Array, content: Uint8Array, signer: CmsSigner): UnsignedData {
  const { der, issuer, serialNumber } = parseCertificate(signer.certificate)
  // RFC 8419 3.1: Ed25519 goes with SHA-512.
  const digestName = signer.algorithm.hash ?? 'sha512'
  const attributes = setOf(
    sequence(ID_CONTENT_TYPE, setOf(contentType)),
    sequence(ID_MESSAGE_DIGEST, setOf(octetString(hash(digestName, content, 'buffer')))),
  )
  return {
    // RFC 5652 5.4: the SET OF itself, though the message has another tag in its place.
    toBeSigned: attributes,
    assemble(signature) {
      const signerInfo = sequence(
        integer(1),
        sequence(issuer, integer(Buffer.from(serialNumber, 'hex'))),
        DIGESTS[digestName],
        retagged(0, attributes),
        signer.algorithm.identifier,
        octetString(signature),
      )
      return sequence(
        // RFC 5652 5.1: 3 for any content but id-data.
        integer(3),
        setOf(DIGESTS[digestName]),
        sequence(contentType, context(0, octetString(content))),
        retagged(0, setOf(der, ...signer.chain)),
        setOf(signerInfo),
      )
    },
  }
}

/** [number] IMPLICIT in place of the tag of a constructed TLV. */
function retagged(number: number, element: Buffer): Buffer {
  const copy = Buffer.from(element)
  copy[0] = 0xa0 | number
  return copy
}
