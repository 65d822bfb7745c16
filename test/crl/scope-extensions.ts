import { AsnConvert } from '@peculiar/asn1-schema'
import {
  BaseCRLNumber,
  CertificateList,
  CRLDistributionPoints,
  CRLNumber,
  type GeneralName,
  IssuingDistributionPoint,
} from '@peculiar/asn1-x509'

/** What a CRL says of its scope and its place among others, as the library reads it. */
export function scopeExtensions(der: Buffer): {
  number: number
  deltaBase?: number
  locations?: string[]
  freshest?: string[]
} {
  const { crlExtensions = [] } = AsnConvert.parse(der, CertificateList).tbsCertList
  const value = (oid: string) => crlExtensions.find(({ extnID }) => extnID === oid)?.extnValue.buffer
  const uris = (names: readonly GeneralName[] | undefined) =>
    (names ?? []).map(({ uniformResourceIdentifier }) => uniformResourceIdentifier!)
  const base = value('2.5.29.27')
  const idp = value('2.5.29.28')
  const freshest = value('2.5.29.46')
  return {
    number: Number(AsnConvert.parse(value('2.5.29.20')!, CRLNumber).value),
    ...(base ? { deltaBase: Number(AsnConvert.parse(base, BaseCRLNumber).value) } : {}),
    ...(idp
      ? { locations: uris(AsnConvert.parse(idp, IssuingDistributionPoint).distributionPoint?.fullName) }
      : {}),
    ...(freshest
      ? {
          freshest: AsnConvert.parse(freshest, CRLDistributionPoints).flatMap(({ distributionPoint }) =>
            uris(distributionPoint?.fullName),
          ),
        }
      : {}),
  }
}
