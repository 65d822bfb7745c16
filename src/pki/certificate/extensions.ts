import type { ErrorCode } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import {
  boolean,
  context,
  contextPrimitive,
  integer,
  NULL,
  namedBits,
  octetString,
  oid,
  sequence,
} from '../der/write.ts'
import { generalName, generalNames } from '../names/general-names.ts'
import type { SubjectName } from '../names/san.ts'
import { generalSubtrees, type NameSubtrees } from './general-subtrees.ts'
import { KEY_USAGES, type KeyUsage } from './key-usage.ts'

/** `value` is the DER inside the extension's OCTET STRING. */
export interface Extension {
  readonly oid: string
  readonly critical: boolean
  readonly value: Buffer
}

export const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  crlDistributionPoints: '2.5.29.31',
  certificatePolicies: '2.5.29.32',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
  noRevAvail: '2.5.29.56',
  authorityInformationAccess: '1.3.6.1.5.5.7.1.1',
  tlsFeature: '1.3.6.1.5.5.7.1.24',
  ocspNoCheck: '1.3.6.1.5.5.7.48.1.5',
} as const

export const EXTENDED_KEY_USAGES = {
  serverAuth: '1.3.6.1.5.5.7.3.1',
  clientAuth: '1.3.6.1.5.5.7.3.2',
  codeSigning: '1.3.6.1.5.5.7.3.3',
  emailProtection: '1.3.6.1.5.5.7.3.4',
  timeStamping: '1.3.6.1.5.5.7.3.8',
  OCSPSigning: '1.3.6.1.5.5.7.3.9',
} as const

/** RFC 5280 4.2.1.12: the key is kept to no purpose, though some are named. */
export const ANY_PURPOSE = '2.5.29.37.0'

/** Access methods of an authorityInfoAccess (RFC 5280 4.2.2.1). */
export const ACCESS_METHOD = {
  ocsp: '1.3.6.1.5.5.7.48.1',
  caIssuers: '1.3.6.1.5.5.7.48.2',
} as const

const TRUE = boolean(true)

/**
 * Extensions ::= SEQUENCE OF Extension. RangeError on an empty list, which RFC 5280 4.1 and 5.1 forbid and
 * some relying parties reject, and on an extension that stands twice (4.2).
 */
export function encodeExtensions(list: readonly Extension[]): Buffer {
  if (list.length === 0) throw new RangeError('an extensions SEQUENCE must not be empty')
  if (new Set(list.map((extension) => extension.oid)).size < list.length) {
    throw new RangeError('an extension stands twice')
  }
  return sequence(
    ...list.map(({ oid: id, critical, value }) =>
      critical ? sequence(oid(id), TRUE, octetString(value)) : sequence(oid(id), octetString(value)),
    ),
  )
}

/** Critical, as RFC 5280 4.2.1.9 wants it for CAs. RangeError on a path length without `ca`. */
export function basicConstraints({
  ca,
  pathLength,
}: {
  ca: boolean
  pathLength?: number | undefined
}): Extension {
  if (!ca && pathLength !== undefined) throw new RangeError('only a CA has a path length')
  const parts = ca ? [TRUE] : []
  if (pathLength !== undefined) parts.push(integer(pathLength))
  return { oid: EXTENSION.basicConstraints, critical: true, value: sequence(...parts) }
}

/** Critical (RFC 5280 4.2.1.3 SHOULD). RangeError if no bit would be set, which 4.2.1.3 forbids. */
export function keyUsage(usages: readonly KeyUsage[]): Extension {
  if (usages.length === 0) throw new RangeError('a key usage needs at least one bit')
  const value = namedBits(usages.map((usage) => KEY_USAGES.indexOf(usage)))
  return { oid: EXTENSION.keyUsage, critical: true, value }
}

/**
 * Purposes by name or dotted OID, in the order given. timeStamping must be `critical` and alone (RFC 3161 2.3);
 * the others are not critical, since clients that know only some of them would refuse the certificate.
 */
export function extendedKeyUsage(purposes: readonly string[], critical = false): Extension {
  if (purposes.length === 0) throw new RangeError('an extended key usage needs at least one purpose')
  const names: Readonly<Record<string, string>> = EXTENDED_KEY_USAGES
  const value = sequence(...purposes.map((purpose) => oid(names[purpose] ?? purpose)))
  return { oid: EXTENSION.extendedKeyUsage, critical, value }
}

/** The object identifiers in an extended key usage. `CaError` with the given code where it is broken. */
export function extendedKeyUsageOf(value: Buffer, code: ErrorCode = 'malformedRequest'): string[] {
  const outer = new DerReader(value, 'extKeyUsage', code)
  const list = outer.enter()
  outer.end()
  const purposes: string[] = []
  while (!list.done) purposes.push(list.oid())
  return purposes
}

/** Critical exactly when the subject is empty (RFC 5280 4.2.1.6). */
export function subjectAltName(names: readonly SubjectName[], critical: boolean): Extension {
  if (names.length === 0) throw new RangeError('a subjectAltName needs at least one name')
  return { oid: EXTENSION.subjectAltName, critical, value: generalNames(names) }
}

export function subjectKeyIdentifier(id: Uint8Array): Extension {
  return { oid: EXTENSION.subjectKeyIdentifier, critical: false, value: octetString(id) }
}

/** keyIdentifier alone: issuer and serial number would bind leaves to one certificate of the CA, not to its key. */
export function authorityKeyIdentifier(id: Uint8Array): Extension {
  return { oid: EXTENSION.authorityKeyIdentifier, critical: false, value: sequence(contextPrimitive(0, id)) }
}

/** One DistributionPoint whose fullName lists every URL: the same CRL by several ways (RFC 5280 4.2.1.13). */
export function crlDistributionPoints(urls: readonly string[]): Extension {
  return {
    oid: EXTENSION.crlDistributionPoints,
    critical: false,
    value: sequence(distributionPoint(urls)),
  }
}

/** DistributionPoint with a fullName alone (RFC 5280 4.2.1.13). RangeError without any URL. */
export function distributionPoint(urls: readonly string[]): Buffer {
  return sequence(context(0, fullName(urls)))
}

/** DistributionPointName as fullName, which lists every URL of the same thing. RangeError without any. */
export function fullName(urls: readonly string[]): Buffer {
  if (urls.length === 0) throw new RangeError('a CRL distribution point needs at least one URL')
  return context(0, ...urls.map(location))
}

/** OCSP first: HAProxy, nginx and Java read only the first description. */
export function authorityInformationAccess(at: {
  ocsp: readonly string[]
  caIssuers: readonly string[]
}): Extension {
  const descriptions = [
    ...at.ocsp.map((url) => sequence(oid(ACCESS_METHOD.ocsp), location(url))),
    ...at.caIssuers.map((url) => sequence(oid(ACCESS_METHOD.caIssuers), location(url))),
  ]
  if (descriptions.length === 0)
    throw new RangeError('an authority information access needs at least one URL')
  return { oid: EXTENSION.authorityInformationAccess, critical: false, value: sequence(...descriptions) }
}

/** Policy OIDs without qualifiers, as RFC 5280 4.2.1.4 recommends. */
export function certificatePolicies(policies: readonly string[]): Extension {
  if (policies.length === 0) throw new RangeError('certificate policies need at least one OID')
  const value = sequence(...policies.map((policy) => sequence(oid(policy))))
  return { oid: EXTENSION.certificatePolicies, critical: false, value }
}

export interface NameConstraints {
  readonly permitted?: NameSubtrees
  readonly excluded?: NameSubtrees
}

/** Critical, as RFC 5280 4.2.1.10 demands. `CaError` 'badName' on a subtree that cannot be one. */
export function nameConstraints({ permitted, excluded }: NameConstraints): Extension {
  const parts = [permitted, excluded].flatMap((subtrees, number) => {
    const encoded = generalSubtrees(subtrees ?? {})
    return encoded.length > 0 ? [context(number, ...encoded)] : []
  })
  if (parts.length === 0) throw new RangeError('name constraints need at least one subtree')
  return { oid: EXTENSION.nameConstraints, critical: true, value: sequence(...parts) }
}

/** RFC 7633 with TLS extension numbers: [5], status_request, is "must staple". */
export function tlsFeature(features: readonly number[]): Extension {
  if (features.length === 0) throw new RangeError('a TLS feature needs at least one extension number')
  return { oid: EXTENSION.tlsFeature, critical: false, value: sequence(...features.map((n) => integer(n))) }
}

/** RFC 9608: no revocation information will ever exist; must not stand beside CRL or OCSP pointers. */
export function noRevAvail(): Extension {
  return { oid: EXTENSION.noRevAvail, critical: false, value: NULL }
}

/** RFC 6960 4.2.2.2.1: clients need not ask whether the responder's own certificate is revoked. */
export function ocspNoCheck(): Extension {
  return { oid: EXTENSION.ocspNoCheck, critical: false, value: NULL }
}

function location(url: string): Buffer {
  return generalName({ type: 'uri', value: url })
}
