import { CaError } from '../errors.ts'
import { proveOcspResponse } from '../ocsp/prove-response.ts'
import { parseCertificate } from '../pki/certificate/parse.ts'
import { parseCrl } from '../pki/crl/parse.ts'
import { decodePem } from '../pki/pem.ts'
import { parseResourceName } from '../sds/resource-name.ts'
import type { SecretContent } from '../sds/secret.ts'

/**
 * Proves what Envoy would not: that all is there that was asked for by this name, that the staple is the issuer's, about this
 * certificate and current, and that every CRL is PEM and current. `goodUntil` in seconds since 1970. Throws `CaError` with the
 * reason.
 */
export function checkSecret(content: SecretContent, name: string, now: number): { goodUntil: number } {
  const wish = parseResourceName(name)
  const ends =
    wish.kind === 'trust'
      ? trustEnds(content.validation_context, wish.crl, now)
      : certificateEnds(content.tls_certificate, wish.staple, now)
  return { goodUntil: Math.min(...ends, now + 24 * 3600) }
}

function certificateEnds(
  certificate: SecretContent['tls_certificate'],
  isStapled: boolean,
  now: number,
): number[] {
  if (!certificate) throw new CaError('badAuthorityCertificate', 'The secret holds no certificate.')
  const chain = decodePem(text(certificate.certificate_chain), 'certificate chain')
  const [leaf, issuer] = chain.map(({ der }) => parseCertificate(der))
  if (!leaf || !issuer) {
    throw new CaError('badAuthorityCertificate', 'The chain holds no certificate with its issuer.')
  }
  const staple = certificate.ocsp_staple
  if (!staple && !isStapled) return [leaf.notAfter]
  if (!staple) throw new CaError('badOcspResponse', 'The secret holds no staple.')
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

function trustEnds(context: SecretContent['validation_context'], hasCrls: boolean, now: number): number[] {
  if (!context) throw new CaError('badAuthorityCertificate', 'The secret holds no validation context.')
  for (const { der } of decodePem(text(context.trusted_ca), 'roots')) parseCertificate(der)
  if (!context.crl && !hasCrls) return []
  // Without one, Envoy asks no CRL at all and lets every revoked client in.
  if (!context.crl) throw new CaError('badCrl', 'The secret holds no CRL.')
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
