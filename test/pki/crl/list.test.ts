import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import {
  AlgorithmIdentifier,
  AuthorityKeyIdentifier,
  CertificateList,
  CRLNumber,
  CRLReason,
  Extension,
  InvalidityDate,
  KeyIdentifier,
  Name,
  RevokedCertificate,
  TBSCertList,
  Time,
  Version,
} from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeCrlEntry } from '../../../src/pki/crl/entry.ts'
import { encodeCrlTbs } from '../../../src/pki/crl/list.ts'
import { integerContent } from '../../../src/pki/der/write.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../../../src/pki/keys/algorithms.ts'
import { assembleSigned } from '../../../src/pki/signed.ts'

// To both sides of 2050, where UTCTime ends.
const seconds = fc.integer({ min: 0, max: 4_102_444_800 })
const entry = fc.record({
  serialNumber: fc
    .uint8Array({ minLength: 1, maxLength: 20 })
    .map((bytes) => Buffer.from(bytes).toString('hex')),
  revokedAt: seconds,
  reason: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 9, 10),
  invalidityDate: fc.option(seconds),
})
const crl = fc.record({
  signature: fc.constantFrom(...SIGNATURE_ALGORITHMS),
  thisUpdate: seconds,
  nextUpdate: seconds,
  entries: fc.array(entry, { maxLength: 5 }),
  authorityKeyIdentifier: fc.uint8Array({ minLength: 20, maxLength: 20 }),
  number: fc.nat(),
})
const ISSUER = encodeName([
  { type: 'O', value: 'Example' },
  { type: 'CN', value: 'Test Issuing' },
])

function extension(extnID: string, value: object): Extension {
  return new Extension({ extnID, extnValue: new OctetString(AsnConvert.serialize(value)) })
}

function revoked({
  serialNumber,
  revokedAt,
  reason,
  invalidityDate,
}: typeof entry extends fc.Arbitrary<infer E> ? E : never) {
  const extensions: Extension[] = []
  if (reason !== 0) extensions.push(extension('2.5.29.21', new CRLReason(reason)))
  if (invalidityDate !== null)
    extensions.push(extension('2.5.29.24', new InvalidityDate(new Date(invalidityDate * 1000))))
  const certificate = new RevokedCertificate({
    userCertificate: new Uint8Array(integerContent(Buffer.from(serialNumber, 'hex'))).buffer,
    revocationDate: new Time(new Date(revokedAt * 1000)),
  })
  if (extensions.length > 0) certificate.crlEntryExtensions = extensions
  return certificate
}

test('an entry and a whole CRL are byte for byte what the library writes', () => {
  fc.assert(
    fc.property(crl, (given) => {
      const certificates = given.entries.map(revoked)
      const list = new TBSCertList({
        version: Version.v2,
        signature: AsnConvert.parse(given.signature.identifier, AlgorithmIdentifier),
        issuer: AsnConvert.parse(ISSUER, Name),
        thisUpdate: new Time(new Date(given.thisUpdate * 1000)),
        nextUpdate: new Time(new Date(given.nextUpdate * 1000)),
        crlExtensions: [
          extension(
            '2.5.29.35',
            new AuthorityKeyIdentifier({
              keyIdentifier: new KeyIdentifier(Buffer.from(given.authorityKeyIdentifier)),
            }),
          ),
          extension('2.5.29.20', new CRLNumber(given.number)),
        ],
      })
      if (certificates.length > 0) list.revokedCertificates = certificates
      const signature = Buffer.alloc(64, 3)
      const theirs = new CertificateList({
        tbsCertList: list,
        signatureAlgorithm: AsnConvert.parse(given.signature.identifier, AlgorithmIdentifier),
        signature: new Uint8Array(signature).buffer,
      })

      const entries = given.entries.map(encodeCrlEntry)
      expect(entries.map((one) => one.toString('hex'))).toEqual(
        certificates.map((one) => Buffer.from(AsnConvert.serialize(one)).toString('hex')),
      )
      const tbs = encodeCrlTbs({ ...given, issuer: ISSUER, entries: Buffer.concat(entries) })
      const ours = assembleSigned(tbs, given.signature, signature)
      expect(ours.toString('hex')).toBe(Buffer.from(AsnConvert.serialize(theirs)).toString('hex'))
    }),
  )
})
