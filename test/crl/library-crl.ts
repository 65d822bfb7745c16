import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AuthorityKeyIdentifier,
  BaseCRLNumber,
  type CertificateList,
  CRLDistributionPoints,
  CRLNumber,
  CRLReason,
  DistributionPoint,
  DistributionPointName,
  Extension,
  GeneralName,
  InvalidityDate,
  KeyIdentifier,
  Name,
  RevokedCertificate,
  TBSCertList,
  Time,
  Version,
} from '@peculiar/asn1-x509'

export interface LibraryEntry {
  /** Hexadecimal. */
  readonly serialNumber: string
  /** Seconds since 1970, as are all times here. */
  readonly at: number
  readonly reason: number
  readonly invalidityDate: number | null
}

export interface LibraryCrl {
  /** DER Name. */
  readonly issuer: Buffer
  readonly keyIdentifier: Buffer
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly number: number
  /** Of a delta. */
  readonly base: number | null
  /** Of a full CRL. */
  readonly deltaUrl: string | null
  readonly entries: readonly LibraryEntry[]
}

/** The TBSCertList of an ECDSA P-256 issuer as the library encodes it, from what it says alone. */
export function libraryTbs(crl: LibraryCrl): Buffer {
  const { issuer, keyIdentifier, thisUpdate, nextUpdate, number, base, deltaUrl, entries } = crl
  const extensions = [
    extension('2.5.29.35', new AuthorityKeyIdentifier({ keyIdentifier: new KeyIdentifier(keyIdentifier) })),
    extension('2.5.29.20', new CRLNumber(number)),
    ...(base === null ? [] : [extension('2.5.29.27', new BaseCRLNumber(base), true)]),
    ...(deltaUrl === null ? [] : [extension('2.5.29.46', pointTo(deltaUrl))]),
  ]
  const list = new TBSCertList({
    version: Version.v2,
    signature: new AlgorithmIdentifier({ algorithm: '1.2.840.10045.4.3.2' }),
    issuer: AsnConvert.parse(issuer, Name),
    thisUpdate: time(thisUpdate),
    nextUpdate: time(nextUpdate),
    ...(entries.length > 0 ? { revokedCertificates: entries.map(entryOf) } : {}),
    crlExtensions: extensions,
  })
  return Buffer.from(AsnConvert.serialize(list))
}

/** The TBSCertList that is in a CRL, as the library reads and writes it. */
export function tbsOf({ tbsCertList }: CertificateList): Buffer {
  return Buffer.from(AsnConvert.serialize(tbsCertList))
}

function entryOf({ serialNumber, at, reason, invalidityDate }: LibraryEntry): RevokedCertificate {
  const extensions = [
    ...(reason === 0 ? [] : [extension('2.5.29.21', new CRLReason(reason))]),
    ...(invalidityDate === null
      ? []
      : [extension('2.5.29.24', new InvalidityDate(new Date(invalidityDate * 1000)))]),
  ]
  return new RevokedCertificate({
    userCertificate: new Uint8Array(Buffer.from(serialNumber, 'hex')).buffer,
    revocationDate: time(at),
    ...(extensions.length > 0 ? { crlEntryExtensions: extensions } : {}),
  })
}

function pointTo(url: string): CRLDistributionPoints {
  const name = new GeneralName({ uniformResourceIdentifier: url })
  const distributionPoint = new DistributionPointName({ fullName: [name] })
  return new CRLDistributionPoints([new DistributionPoint({ distributionPoint })])
}

function extension(extnID: string, value: unknown, critical = false): Extension {
  return new Extension({ extnID, critical, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

function time(seconds: number): Time {
  return new Time(new Date(seconds * 1000))
}
