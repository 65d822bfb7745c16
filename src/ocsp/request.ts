import { DerReader } from '../pki/der/read.ts'
import { octetString, TAG } from '../pki/der/write.ts'
import { type CertId, readCertId } from './cert-id.ts'
import { NONCE } from './response.ts'

/** Larger requests are malformed: an ordinary one has some 80 octets, a signed one a few thousand. */
export const MAX_REQUEST_OCTETS = 64 * 1024

/** Every CertID costs a look into the store and room in the answer. */
const MAX_CERT_IDS = 32

/** Understood, and answered by what this responder always sends: a basic response, signed with the CA's algorithm. */
const IGNORED = new Set([
  '1.3.6.1.5.5.7.48.1.4', // acceptableResponses
  '1.3.6.1.5.5.7.48.1.7', // serviceLocator
  '1.3.6.1.5.5.7.48.1.8', // preferred signature algorithms
])

export interface OcspRequest {
  /** One or more, in the order of the request. */
  readonly certIds: readonly [CertId, ...CertId[]]
  /** The extension's value, to be sent back as it is. */
  readonly nonce: Buffer | null
}

/** Reads an OCSPRequest (RFC 6960 4.1.1). `CaError` "malformedRequest" for anything else. */
export function parseOcspRequest(der: Uint8Array): OcspRequest {
  const outer = new DerReader(der, 'OCSP request')
  if (der.length > MAX_REQUEST_OCTETS) outer.fail('is too large')
  const request = outer.enter()
  outer.end()
  const tbs = request.enter()
  skipSignature(request)
  request.end()

  const version = tbs.optional(0xa0)
  // DER leaves the default out, but some clients write it.
  if (version && !version.content.equals(Buffer.of(TAG.integer, 1, 0))) tbs.fail('is not of version 1')
  const requestor = tbs.optional(0xa1)
  if (requestor) {
    const name = tbs.into(requestor)
    name.next()
    name.end()
  }
  const certIds = readRequestList(tbs.enter())
  const extensions = tbs.optional(0xa2)
  tbs.end()
  const nonce = extensions ? readExtensions(tbs.into(extensions)) : null
  // RFC 9654 2.1: a responder must answer malformedRequest to any other length.
  if (nonce && !isNonce(nonce)) tbs.fail('has a nonce with a length other than 1 to 128 octets')
  return { certIds, nonce }
}

/** Signature ::= [0] EXPLICIT SEQUENCE. RFC 6960 2.1 leaves it to the responder whether to look at it. */
function skipSignature(request: DerReader): void {
  const wrapper = request.optional(0xa0)
  if (!wrapper) return
  const outer = request.into(wrapper)
  const signature = outer.enter()
  outer.end()
  signature.expect(TAG.sequence)
  signature.bitString()
  const certificates = signature.optional(0xa0)
  if (certificates) {
    const wrapped = signature.into(certificates)
    wrapped.expect(TAG.sequence)
    wrapped.end()
  }
  signature.end()
}

function readRequestList(list: DerReader): [CertId, ...CertId[]] {
  const certIds = [readRequest(list)] as [CertId, ...CertId[]]
  while (!list.done) {
    if (certIds.length === MAX_CERT_IDS) list.fail(`asks about more than ${MAX_CERT_IDS} certificates`)
    certIds.push(readRequest(list))
  }
  return certIds
}

function readRequest(list: DerReader): CertId {
  const request = list.enter()
  const certId = readCertId(request)
  const extensions = request.optional(0xa0)
  // RFC 9654 2.1: the nonce is an extension of the whole request; here, where Keycloak before 25 has one, it says nothing.
  if (extensions) readExtensions(request.into(extensions))
  request.end()
  return certId
}

/** Returns the nonce's value if there is one, whatever it is. */
function readExtensions(wrapper: DerReader): Buffer | null {
  const list = wrapper.enter()
  wrapper.end()
  const seen = new Set<string>()
  let nonce: Buffer | null = null
  do {
    const extension = list.enter()
    const oid = extension.oid()
    const critical = extension.tag === TAG.boolean && extension.boolean()
    const value = extension.expect(TAG.octetString).content
    extension.end()
    if (seen.has(oid)) list.fail(`has the extension ${oid} twice`)
    seen.add(oid)
    if (oid === NONCE) nonce = value
    // RFC 6960 4.4: what is not known is ignored, unless it is critical.
    else if (critical && !IGNORED.has(oid)) list.fail(`has a critical extension that is not known: ${oid}`)
  } while (!list.done)
  return nonce
}

/**
 * RFC 9654 2.1: an OCTET STRING of 1 to 128 octets. By RFC 2560 4.4.1 the value was the nonce itself, and so many clients
 * write it that are built on BouncyCastle.
 */
function isNonce(value: Buffer): boolean {
  const wrapped = [2, 3, 4]
    .map((header) => value.subarray(header))
    .find((one) => octetString(one).equals(value))
  const { length } = wrapped ?? value
  return length >= 1 && length <= 128
}
