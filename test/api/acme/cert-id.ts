import { X509Certificate } from 'node:crypto'
import { AsnConvert } from '@peculiar/asn1-schema'
import { AuthorityKeyIdentifier, Certificate, id_ce_authorityKeyIdentifier } from '@peculiar/asn1-x509'

/** How RFC 9773 4.1 names a certificate: its issuer's key and its own serial number, both as its DER has them. */
export function certId(pem: string): string {
  const { tbsCertificate } = AsnConvert.parse(new X509Certificate(pem).raw, Certificate)
  const extension = tbsCertificate.extensions!.find(({ extnID }) => extnID === id_ce_authorityKeyIdentifier)!
  const { keyIdentifier } = AsnConvert.parse(extension.extnValue, AuthorityKeyIdentifier)
  return [keyIdentifier!.buffer, tbsCertificate.serialNumber]
    .map((octets) => Buffer.from(octets as ArrayBuffer).toString('base64url'))
    .join('.')
}
