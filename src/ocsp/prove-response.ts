import { createHash, verify } from 'node:crypto'
import { rfc3339 } from '../clock.ts'
import { CaError } from '../errors.ts'
import { readKeyUsage } from '../pki/certificate/ca-constraints.ts'
import { EXTENDED_KEY_USAGES, EXTENSION, extendedKeyUsageOf } from '../pki/certificate/extensions.ts'
import { type CertificateInfo, parseCertificate } from '../pki/certificate/parse.ts'
import { nameToText } from '../pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../pki/keys/algorithms.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import { isIssuer } from './cert-id.ts'
import { type OcspResponseInfo, parseOcspResponse, type StatusInfo } from './parse-response.ts'

const CODE = 'badOcspResponse'
/** Clocks of two machines may differ a little. Seconds. */
const MAX_AHEAD = 300

/** A response about one certificate that can be handed out. Times in seconds since 1970. */
export interface ProvenResponse extends StatusInfo {
  readonly der: Buffer
  readonly producedAt: number
  /** When it ends: where its signer's certificate does so earlier, with that one, since nobody takes it from then on. */
  readonly nextUpdate: number
}

/**
 * Reads an OCSP response and proves what Envoy and HAProxy do not before they staple it: that it is about one certificate of
 * this issuer, current at `now` (seconds since 1970), and signed by the issuer or by a responder that the issuer
 * certified. Throws `CaError` "badOcspResponse" with the reason.
 */
export function proveOcspResponse(der: Uint8Array, issuer: CertificateInfo, now: number): ProvenResponse {
  const response = parseOcspResponse(der)
  const [single, ...others] = response.responses
  if (!single || others.length > 0)
    refuse(`It speaks of ${response.responses.length} certificates, not of one.`)
  if (!isIssuer(issuer, single.certId)) {
    refuse(`It is about a certificate of another issuer, not of "${nameToText(issuer.subject)}".`)
  }
  const nextUpdate = checkTimes(single, now)
  const unknown = [...response.extensions, ...single.extensions].find(({ critical }) => critical)
  if (unknown) refuse(`It has a critical extension that is not known here (${unknown.oid}).`)
  const signer = signerOf(response, issuer, now)
  checkSignature(response, signer)
  const end = Math.min(nextUpdate, signer.notAfter)
  return { ...single, der: response.der, producedAt: response.producedAt, nextUpdate: end }
}

function checkTimes({ thisUpdate, nextUpdate }: StatusInfo, now: number): number {
  if (nextUpdate === null) refuse('It has no nextUpdate: HAProxy and Java refuse such a response.')
  if (nextUpdate <= now) refuse(`It has expired: its nextUpdate was ${rfc3339(nextUpdate)}.`)
  if (thisUpdate > now + MAX_AHEAD) {
    refuse(
      `It is from the future: its thisUpdate is ${rfc3339(thisUpdate)}. Compare the clocks of both machines.`,
    )
  }
  return nextUpdate
}

/** The issuer, or the one certificate with it that the issuer signed for this purpose (RFC 6960 4.2.2.2). */
function signerOf(
  { responderId, certificates }: OcspResponseInfo,
  issuer: CertificateInfo,
  now: number,
): CertificateInfo {
  const isNamed = ({ subject, keyBits }: CertificateInfo) =>
    'name' in responderId
      ? responderId.name.equals(subject)
      : responderId.keyHash.equals(createHash('sha1').update(keyBits).digest())
  if (isNamed(issuer)) return issuer
  const responder = certificates.map((der) => parseCertificate(der, CODE)).find(isNamed)
  if (!responder)
    refuse(
      `It is signed neither by "${nameToText(issuer.subject)}" nor by a responder whose certificate is in it.`,
    )
  proveResponder(responder, issuer, now)
  return responder
}

function proveResponder(responder: CertificateInfo, issuer: CertificateInfo, now: number): void {
  const who = `The certificate of its responder "${nameToText(responder.subject)}"`
  if (!responder.issuer.equals(issuer.subject) || !isSigned(responder, issuer)) {
    refuse(`${who} is not signed by "${nameToText(issuer.subject)}".`)
  }
  const purposes = responder.extensions.find(({ oid }) => oid === EXTENSION.extendedKeyUsage)?.value
  if (!purposes || !extendedKeyUsageOf(purposes, CODE).includes(EXTENDED_KEY_USAGES.OCSPSigning))
    refuse(`${who} has no key purpose OCSPSigning.`)
  if (readKeyUsage(responder)?.has('digitalSignature') === false)
    refuse(`${who} lacks key usage digitalSignature.`)
  if (responder.notBefore > now || responder.notAfter < now) refuse(`${who} is not valid now.`)
}

function checkSignature(response: OcspResponseInfo, signer: CertificateInfo): void {
  if (!isSigned(response, signer))
    refuse(`Its signature does not verify with the key of "${nameToText(signer.subject)}".`)
}

/** Whether a response or a certificate is signed by the key of the other certificate. */
export function isSigned(
  { tbs, signatureAlgorithm, signature }: Pick<OcspResponseInfo, 'tbs' | 'signatureAlgorithm' | 'signature'>,
  { spki }: CertificateInfo,
): boolean {
  const key = readPublicKey(spki, CODE)
  const algorithm = SIGNATURE_ALGORITHMS.find(({ oid }) => oid === signatureAlgorithm.oid)
  return (
    algorithm !== undefined &&
    algorithm.family === key.family &&
    verify(algorithm.hash, tbs, key.keyObject, signature)
  )
}

function refuse(reason: string): never {
  throw new CaError(CODE, `The OCSP response cannot be used. ${reason}`)
}
