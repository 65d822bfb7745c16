import { createPublicKey, verify } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { AuthorityKeyIdentifier, CertificateList, CRLNumber, type Extension } from '@peculiar/asn1-x509'
import type { Authority } from '../../src/ca/authority.ts'
import type { CrlOptions } from '../../src/config/authority-schema.ts'
import { buildConfig } from '../../src/config/config.ts'
import { SIGNATURE_ALGORITHMS } from '../../src/pki/keys/algorithms.ts'

/** A CRL as the library reads it. Throws unless it is DER and its signature verifies by the issuer. */
export function readCrl(der: Buffer, issuer: Pick<Authority, 'certificate'>) {
  const list = AsnConvert.parse(der, CertificateList)
  if (!Buffer.from(AsnConvert.serialize(list)).equals(der)) throw new Error('not DER, or bytes after its end')
  const { tbsCertList: tbs } = list
  const key = createPublicKey({ key: issuer.certificate.spki, format: 'der', type: 'spki' })
  const { hash } = SIGNATURE_ALGORITHMS.find(({ oid }) => oid === list.signatureAlgorithm.algorithm)!
  if (!verify(hash, Buffer.from(AsnConvert.serialize(tbs)), key, Buffer.from(list.signature))) {
    throw new Error('the signature does not verify')
  }
  const value = (oid: string) =>
    tbs.crlExtensions?.find((one: Extension) => one.extnID === oid)?.extnValue.buffer
  return {
    issuer: Buffer.from(AsnConvert.serialize(tbs.issuer)),
    thisUpdate: tbs.thisUpdate.getTime().getTime() / 1000,
    nextUpdate: tbs.nextUpdate!.getTime().getTime() / 1000,
    // The library gives a longer number as text.
    number: Number(AsnConvert.parse(value('2.5.29.20')!, CRLNumber).value),
    keyIdentifier: Buffer.from(
      AsnConvert.parse(value('2.5.29.35')!, AuthorityKeyIdentifier).keyIdentifier!.buffer,
    ),
    critical: tbs.crlExtensions!.filter(({ critical }) => critical).length,
    serialNumbers:
      tbs.revokedCertificates?.map(({ userCertificate }) => Buffer.from(userCertificate).toString('hex')) ??
      null,
  }
}

/** The default options with some of them changed. */
export function crlOptions(changes: Partial<CrlOptions> = {}): CrlOptions {
  return { ...buildConfig({ dir: '/nowhere', file: {}, environment: {} }).crl, ...changes }
}
