import { CaError } from '../errors.ts'
import { type ProvenResponse, proveOcspResponse } from '../ocsp/prove-response.ts'
import { stapleRequest } from '../ocsp/staple.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import type { Client } from './client.ts'

/**
 * The OCSP response about a certificate, proven, since HAProxy and Envoy take one with a broken signature, and every client that
 * looks turns away. `now` in seconds. Throws `CaError` "badOcspResponse" and `ServiceError`.
 */
export async function fetchStaple(
  client: Client,
  leaf: CertificateInfo,
  issuer: CertificateInfo,
  now: number,
): Promise<ProvenResponse> {
  const { body } = await client.send('POST', '/ocsp', {
    body: stapleRequest({ certificate: issuer }, leaf.serialNumber),
    contentType: 'application/ocsp-request',
  })
  const proven = proveOcspResponse(body, issuer, now)
  if (proven.certId.serialNumber !== leaf.serialNumber)
    throw new CaError('badOcspResponse', 'The service answered about another certificate.')
  return proven
}
