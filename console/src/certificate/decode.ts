import 'reflect-metadata'
import {
  AuthorityInfoAccessExtension,
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  CertificatePolicyExtension,
  CRLDistributionPointsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
} from '@peculiar/x509'
import { colons, hexOf, words } from '../format.ts'
import { extensionName, usageName } from './oids.ts'

export interface Decoded {
  readonly subject: string
  readonly issuer: string
  readonly serialNumber: string
  readonly notBefore: string
  readonly notAfter: string
  /** "ECDSA P-256", "RSA 3072 bits". */
  readonly key: string
  readonly signature: string
  /** SHA-256, with colons. */
  readonly fingerprint: string
  readonly extensions: readonly {
    readonly name: string
    readonly isCritical: boolean
    readonly lines: readonly string[]
  }[]
}

/** Reads what a certificate says: from its own bytes, not from what the service has on record. Throws where it cannot be read. */
export async function decode(pem: string): Promise<Decoded> {
  const certificate = new X509Certificate(pem)
  const { publicKey, signatureAlgorithm } = certificate
  return {
    subject: certificate.subject || 'empty',
    issuer: certificate.issuer,
    serialNumber: certificate.serialNumber,
    notBefore: certificate.notBefore.toISOString(),
    notAfter: certificate.notAfter.toISOString(),
    key: algorithmText(publicKey.algorithm),
    signature: algorithmText(signatureAlgorithm),
    fingerprint: colons(hexOf(await crypto.subtle.digest('SHA-256', certificate.rawData))),
    extensions: certificate.extensions.map((extension) => ({
      name: extensionName(extension.type),
      isCritical: extension.critical,
      lines: linesOf(extension),
    })),
  }
}

function algorithmText(
  algorithm: Algorithm & Partial<{ namedCurve: string; modulusLength: number; hash: Algorithm }>,
) {
  const { name, namedCurve, modulusLength, hash } = algorithm
  const more = namedCurve ?? hash?.name ?? (modulusLength === undefined ? '' : `${modulusLength} bits`)
  return `${name} ${more}`.trim()
}

function linesOf(extension: Extension): string[] {
  if (extension instanceof SubjectAlternativeNameExtension)
    return extension.names.items.map(({ type, value }) => `${type}: ${value}`)
  if (extension instanceof BasicConstraintsExtension) {
    if (!extension.ca) return ['no CA']
    return [extension.pathLength === undefined ? 'CA' : `CA, at most ${extension.pathLength} below it`]
  }
  if (extension instanceof KeyUsagesExtension) return usagesOf(extension.usages)
  if (extension instanceof ExtendedKeyUsageExtension)
    return extension.usages.map((usage) => usageName(String(usage)))
  if (extension instanceof SubjectKeyIdentifierExtension) return [colons(extension.keyId)]
  if (extension instanceof AuthorityKeyIdentifierExtension)
    return extension.keyId ? [colons(extension.keyId)] : []
  if (extension instanceof CertificatePolicyExtension) return [...extension.policies]
  if (extension instanceof AuthorityInfoAccessExtension) {
    return [
      ...extension.ocsp.map(({ value }) => `OCSP: ${value}`),
      ...extension.caIssuers.map(({ value }) => `issuer: ${value}`),
    ]
  }
  if (extension instanceof CRLDistributionPointsExtension) {
    return extension.distributionPoints.flatMap(({ distributionPoint }) =>
      (distributionPoint?.fullName ?? []).map(
        (name) => name.uniformResourceIdentifier ?? 'a name that is no address',
      ),
    )
  }
  return [colons(hexOf(extension.value))]
}

function usagesOf(flags: KeyUsageFlags): string[] {
  return Object.entries(KeyUsageFlags)
    .filter(([, flag]) => typeof flag === 'number' && (flags & flag) !== 0)
    .map(([name]) => words(name))
}
