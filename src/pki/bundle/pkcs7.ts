import { CONTENT_TYPE, contentInfo } from '../cms/content-info.ts'
import { context, integer, sequence, setOf } from '../der/write.ts'

/**
 * A "certs-only" message: SignedData without content, signers or CRLs (RFC 5652 5.1, RFC 8551 3.8), in DER.
 * Takes DER certificates. The certificates are a SET, so their order says nothing: DER sorts it, and strict
 * readers complain of anything else. Of none the field is absent, which it may be.
 */
export function certsOnly(certificates: readonly Uint8Array[]): Buffer {
  const sorted = [...certificates].sort((a, b) => Buffer.compare(a, b))
  const signedData = sequence(
    integer(1),
    setOf(),
    sequence(CONTENT_TYPE.data),
    ...(sorted.length > 0 ? [context(0, ...sorted)] : []),
    setOf(),
  )
  return contentInfo(CONTENT_TYPE.signedData, signedData)
}
