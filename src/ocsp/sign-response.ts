import { createHash, verify } from 'node:crypto'
import { promisify } from 'node:util'
import type { OcspSigner } from '../ca/ocsp-responders.ts'
import type { OcspOptions } from '../config/authority-schema.ts'
import { CaError } from '../errors.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import { context, sequence } from '../pki/der/write.ts'
import { assembleSigned } from '../pki/signed.ts'
import type { SignedSays } from './answer-counts.ts'
import { issuerHashes } from './cert-id.ts'
import type { OcspRequest } from './request.ts'
import { type CertStatus, encodeOcspResponse, encodeResponseData } from './response.ts'

export interface SignedResponse {
  readonly der: Buffer
  readonly etag: string
  /** Seconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** For the metrics. */
  readonly says: SignedSays
}

export interface ResponseWish {
  readonly request: OcspRequest
  /** As read at or after `now`, one for each CertID. */
  readonly statuses: readonly CertStatus[]
  /** Seconds since 1970. */
  readonly now: number
  /** The response ends with it, seconds since 1970. */
  readonly authorityEnd: number
  readonly options: Pick<OcspOptions, 'validity' | 'responderId' | 'archiveCutoff'>
}

const verifySignature = promisify(verify)

/** The signed answer to a request. It never outlives the certificate of its signer, nor the authority's. */
export async function signResponse(
  { signer, certificate, isDelegated }: OcspSigner,
  { request, statuses, now, authorityEnd, options }: ResponseWish,
): Promise<SignedResponse> {
  const { certIds, nonce } = request
  const { validity, responderId, archiveCutoff } = options
  const nextUpdate = Math.min(now + validity, certificate.notAfter, authorityEnd)
  const tbs = encodeResponseData({
    responder:
      responderId === 'name'
        ? { name: certificate.subject }
        : { keyHash: issuerHashes(certificate, 'sha1').key },
    producedAt: now,
    thisUpdate: now,
    nextUpdate,
    responses: certIds.map(({ bytes }, i) => ({ certId: bytes, status: statuses[i]! })),
    nonce,
    archiveCutoff: archiveCutoff === undefined ? null : now - archiveCutoff,
  })
  const signature = await signer.sign(tbs, 'status')
  // Servers staple without looking: Envoy and HAProxy hand a broken signature on to every client.
  if (!(await verifySignature(signer.algorithm.hash, tbs, signer.publicKey, signature))) {
    throw new CaError('internal', 'The signer made a signature that does not verify.')
  }
  const embedded = isDelegated ? [certificates(certificate)] : []
  const der = encodeOcspResponse(assembleSigned(tbs, signer.algorithm, signature, ...embedded))
  return { der, etag: responseTag(der), thisUpdate: now, nextUpdate, says: saysOf(statuses) }
}

function saysOf([status, ...more]: readonly CertStatus[]): SignedSays {
  if (more.length > 0) return 'several'
  return typeof status === 'object' ? 'revoked' : status!
}

/** RFC 5019 6.2 recommends this form; it identifies, it protects nothing. */
export function responseTag(der: Uint8Array): string {
  return `"${createHash('sha1').update(der).digest('hex')}"`
}

/** The responder's alone: with the issuing CA's beside it, Go takes that one for the signer. */
function certificates({ der }: CertificateInfo): Buffer {
  return context(0, sequence(der))
}
