import { CaError } from '../errors.ts'
import { proveOcspResponse } from '../ocsp/prove-response.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { parseCrl } from '../pki/crl/parse.ts'
import { decodePem } from '../pki/pem.ts'
import type { SecretContent } from '../sds/secret.ts'

/**
 * Proves what Envoy would not: that the staple is the issuer's, about this certificate and current, and that every CRL is PEM
 * and current. `goodUntil` in seconds since 1970. Throws `CaError` with the reason.
 */
export function checkSecret(content: SecretContent, now: number): { goodUntil: number } {
  const ends = [
    ...stapleEnd(content.tls_certificate, now),
    ...crlEnds(content.validation_context, now),
    now + 24 * 3600,
  ]
  return { goodUntil: Math.min(...ends) }
}

function stapleEnd(certificate: SecretContent['tls_certificate'], now: number): number[] {
  if (!certificate) return []
  const chain = decodePem(text(certificate.certificate_chain), 'certificate chain')
  const [leaf, issuer] = chain.map(({ der }) => parseCertificate(der))
  if (!leaf || !issuer) {
    throw new CaError('badAuthorityCertificate', 'The chain holds no certificate with its issuer.')
  }
  const staple = certificate.ocsp_staple
  if (!staple) return [leaf.notAfter]
  const der = 'inline_bytes' in staple ? Buffer.from(staple.inline_bytes, 'base64') : Buffer.alloc(0)
  const { certId, nextUpdate } = proveOcspResponse(der, issuer, now)
  if (certId.serialNumber !== leaf.serialNumber) {
    throw new CaError(
      'badOcspResponse',
      `The staple is about ${certId.serialNumber}, not ${leaf.serialNumber}.`,
    )
  }
  return [leaf.notAfter, nextUpdate]
}

function crlEnds(context: SecretContent['validation_context'], now: number): number[] {
  if (!context?.crl) return []
  return decodePem(text(context.crl), 'CRLs').map(({ label, der }) => {
    const { nextUpdate, isDelta } = parseCrl(der, 'badCrl')
    if (label !== 'X509 CRL' || isDelta || nextUpdate === null || nextUpdate <= now) {
      throw new CaError('badCrl', 'Among the CRLs is one that is no full, current CRL.')
    }
    return nextUpdate
  })
}

function text(source: NonNullable<SecretContent['validation_context']>['trusted_ca']): string {
  return 'inline_string' in source ? source.inline_string : ''
}
