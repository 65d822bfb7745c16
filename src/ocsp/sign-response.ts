import { createHash, verify } from 'node:crypto'
import { promisify } from 'node:util'
import type { Authority } from '../ca/authority.ts'
import type { Signer } from '../ca/signer.ts'
import { CaError } from '../errors.ts'
import { assembleSigned } from '../pki/signed.ts'
import type { CertificateStatus } from '../store/queries.ts'
import { issuerHashes } from './cert-id.ts'
import type { OcspRequest } from './request.ts'
import { encodeOcspResponse, encodeResponseData } from './response.ts'

export interface SigningAuthority extends Authority {
  readonly signer: Signer
}

export interface SignedResponse {
  readonly der: Buffer
  readonly etag: string
  /** Seconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number
}

const verifySignature = promisify(verify)

/**
 * The signed answer to `request`; `statuses` are as read at or after `now` (seconds since 1970), one for each
 * CertID. It never outlives the signer's certificate.
 */
export async function signResponse(
  { certificate, signer }: SigningAuthority,
  { certIds, nonce }: OcspRequest,
  statuses: readonly CertificateStatus[],
  now: number,
  lifetime: number,
): Promise<SignedResponse> {
  const nextUpdate = Math.min(now + lifetime, certificate.notAfter)
  const tbs = encodeResponseData({
    responderKeyHash: issuerHashes(certificate, 'sha1').key,
    producedAt: now,
    thisUpdate: now,
    nextUpdate,
    responses: certIds.map(({ bytes }, i) => ({ certId: bytes, status: statuses[i]!.revocation ?? 'good' })),
    nonce,
  })
  const signature = await signer.sign(tbs)
  // Servers staple without looking: Envoy and HAProxy hand a broken signature on to every client.
  if (!(await verifySignature(signer.algorithm.hash, tbs, signer.publicKey, signature))) {
    throw new CaError('internal', 'The signer made a signature that does not verify.')
  }
  const der = encodeOcspResponse(assembleSigned(tbs, signer.algorithm, signature))
  // RFC 5019 6.2 recommends this form; it identifies, it protects nothing.
  const etag = `"${createHash('sha1').update(der).digest('hex')}"`
  return { der, etag, thisUpdate: now, nextUpdate }
}
