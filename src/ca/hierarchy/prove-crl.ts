import { verify } from 'node:crypto'
import { CaError } from '../../errors.ts'
import { isOfCertificate } from '../../pki/certificate/authority-key-identifier.ts'
import { readKeyUsage } from '../../pki/certificate/ca-constraints.ts'
import type { CertificateInfo } from '../../pki/certificate/parse.ts'
import { type CrlInfo, parseCrl } from '../../pki/crl/parse.ts'
import { nameToText } from '../../pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../../pki/keys/algorithms.ts'
import { readPublicKey } from '../../pki/keys/public-key.ts'

const CODE = 'badCrl'

/** A full CRL that has a number, as `proveCrl` gives it. */
export type ProvenCrl = CrlInfo & { readonly number: bigint }

/**
 * Reads a CRL and proves that it is the issuer's own and says all that the issuer revoked. Whether it is current is
 * for the caller to ask. Throws `CaError` "badCrl" with the reason.
 */
export function proveCrl(der: Uint8Array, issuer: CertificateInfo): ProvenCrl {
  const crl = proveCrlOrigin(der, issuer)
  return { ...crl, number: checkWhole(crl) }
}

/** The same of any CRL, such as one of a partition: that it is the issuer's own, whatever it speaks of. */
export function proveCrlOrigin(der: Uint8Array, issuer: CertificateInfo): CrlInfo {
  const crl = parseCrl(der, CODE)
  checkIssuer(crl, issuer)
  checkSignature(crl, issuer)
  return crl
}

/** Whether `proveCrl` would take it. */
export function isCrlOf(der: Uint8Array, issuer: CertificateInfo): boolean {
  try {
    proveCrl(der, issuer)
    return true
  } catch (error) {
    if (error instanceof CaError && error.code === CODE) return false
    throw error
  }
}

function checkIssuer(crl: CrlInfo, issuer: CertificateInfo): void {
  if (!crl.issuer.equals(issuer.subject)) {
    refuse(`The CRL is of "${nameToText(crl.issuer)}", and not of "${nameToText(issuer.subject)}".`)
  }
  // RFC 5280 5.2.1. Without a subjectKeyIdentifier there is nothing to compare with, and the signature decides alone.
  const { subjectKeyIdentifier } = issuer
  const { key } = crl.authorityKeyIdentifier
  if (subjectKeyIdentifier && !key) {
    refuse('The CRL has no authorityKeyIdentifier (openssl: authorityKeyIdentifier=keyid:always).')
  }
  if (subjectKeyIdentifier && !key!.equals(subjectKeyIdentifier)) {
    refuse('The CRL is of another key of this name: its authorityKeyIdentifier is not the authority’s.')
  }
  // OpenSSL finds no CRL for the issuer's certificate where another for the same key is named, as before its renewal.
  if (!isOfCertificate(crl.authorityKeyIdentifier, issuer)) {
    refuse(
      'The CRL is of another certificate of this CA: its authorityKeyIdentifier has other names or another serial number (openssl: authorityKeyIdentifier=keyid:always, without "issuer").',
    )
  }
  // RFC 5280 6.3.3 (f): relying parties refuse it as well.
  if (readKeyUsage(issuer)?.has('cRLSign') === false) {
    refuse(`The certificate of "${nameToText(issuer.subject)}" lacks key usage cRLSign.`)
  }
}

function checkSignature(crl: CrlInfo, issuer: CertificateInfo): void {
  const key = readPublicKey(issuer.spki, CODE)
  const algorithm = SIGNATURE_ALGORITHMS.find(({ oid }) => oid === crl.signatureAlgorithm.oid)
  if (!algorithm) {
    refuse(
      `The CRL is signed with an algorithm that is weak or not supported (${crl.signatureAlgorithm.oid}).`,
    )
  }
  const verified =
    algorithm.family === key.family && verify(algorithm.hash, crl.tbs, key.keyObject, crl.signature)
  if (!verified)
    refuse(`The signature of the CRL does not verify with the key of "${nameToText(issuer.subject)}".`)
}

/** Its number. */
function checkWhole({ isDelta, isPartial, unknownCritical, number }: CrlInfo): bigint {
  if (isDelta) refuse('This is a delta CRL, which lists changes only. Make a full one.')
  if (isPartial) {
    refuse(
      'The CRL has an issuingDistributionPoint, so it may not speak of all certificates. Make a full one without.',
    )
  }
  if (unknownCritical) refuse(`The CRL has a critical extension that is not known here (${unknownCritical}).`)
  return number ?? refuse('The CRL has no cRLNumber (openssl: "crlnumber" in the configuration).')
}

function refuse(detail: string): never {
  throw new CaError(CODE, detail)
}
