import { OCSPRequest } from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseOcspRequest } from '../../src/ocsp/request.ts'
import { bitString, context, integer, NULL, octetString, oid, sequence } from '../../src/pki/der/write.ts'
import { expectRefusal, parsesOrRefuses } from '../pki/refusal.ts'
import {
  type CertIdHash,
  certId,
  extension,
  HASH_OIDS,
  nonce,
  ocspRequest,
  REQUESTOR,
  requestOf,
} from './ocsp-request.ts'

const ISSUER = { subject: Buffer.from('3000', 'hex'), keyBits: Buffer.alloc(65, 4) }
const CERT_ID = certId(ISSUER, '4f01')
const NONCE = '1.3.6.1.5.5.7.48.1.2'
const refused = (der: Uint8Array, reason: RegExp) =>
  expectRefusal(() => parseOcspRequest(der), 'malformedRequest', reason)

describe('an OCSP request', () => {
  test.for(
    (Object.keys(HASH_OIDS) as CertIdHash[]).flatMap((hash) =>
      [NULL, null].map((parameters) => ({ hash, parameters })),
    ),
  )('keeps the CertID byte for byte: $hash', ({ hash, parameters }) => {
    const bytes = certId(ISSUER, '00ff01', hash, parameters)
    const { certIds } = parseOcspRequest(ocspRequest([bytes]))
    expect(certIds).toHaveLength(1)
    expect(certIds[0]).toMatchObject({ hash, serialNumber: 'ff01' })
    expect(certIds[0].bytes).toEqual(bytes)
  })

  test('may ask about 32 certificates, not 33 and not none', () => {
    const ids = Array.from({ length: 33 }, (_, i) => certId(ISSUER, `10${(i + 16).toString(16)}`))
    expect(parseOcspRequest(ocspRequest(ids.slice(0, 32))).certIds.map((id) => id.bytes)).toEqual(
      ids.slice(0, 32),
    )
    refused(ocspRequest(ids), /more than 32/)
    refused(ocspRequest([]), /./)
  })

  test.for([1, 32, 128])('brings a nonce of %i octets', (octets) => {
    const { nonce: value } = parseOcspRequest(ocspRequest([CERT_ID], [nonce(octets)]))
    expect(value).toEqual(octetString(Buffer.alloc(octets, 7)))
  })

  test.for([0, 129, 4096])('is malformed with a nonce of %i octets', (octets) => {
    refused(ocspRequest([CERT_ID], [nonce(octets)]), /nonce.*length/)
  })

  test.for([1, 6, 128])(
    'brings a nonce of %i octets that stands there by itself, as RFC 2560 had it',
    (octets) => {
      const bare = Buffer.alloc(octets, 7)
      expect(parseOcspRequest(ocspRequest([CERT_ID], [extension(NONCE, bare)])).nonce).toEqual(bare)
    },
  )

  test.for([0, 129, 4096])('is malformed with such a nonce of %i octets', (octets) => {
    refused(ocspRequest([CERT_ID], [extension(NONCE, Buffer.alloc(octets, 7))]), /nonce.*length/)
  })

  test.for([nonce(16), nonce(200), extension(NONCE, Buffer.alloc(4, 7)), extension(NONCE, Buffer.alloc(0))])(
    'passes over a nonce of a single request, whatever it is',
    (one) => {
      const der = requestOf([sequence(CERT_ID, context(0, sequence(one)))])
      expect(parseOcspRequest(der)).toMatchObject({ nonce: null, certIds: [{ bytes: CERT_ID }] })
    },
  )

  test('is malformed with two nonces', () => {
    refused(ocspRequest([CERT_ID], [nonce(8), nonce(8)]), /twice/)
  })

  test('may carry what this responder has no use for', () => {
    const extensions = [
      extension('1.3.6.1.5.5.7.48.1.4', sequence(oid('1.3.6.1.5.5.7.48.1.1')), true),
      extension('1.3.6.1.4.1.99999.1', NULL),
      extension('1.3.6.1.4.1.99999.2', NULL, false),
    ]
    const single = context(0, sequence(extension('1.3.6.1.5.5.7.48.1.7', sequence())))
    const signature = sequence(
      sequence(oid('1.2.840.10045.4.3.2')),
      bitString(Buffer.alloc(70)),
      context(0, sequence(sequence())),
    )
    const der = requestOf([sequence(CERT_ID, single)], extensions, {
      version: integer(0),
      requestor: REQUESTOR,
      signature,
    })
    expect(parseOcspRequest(der)).toMatchObject({ nonce: null, certIds: [{ bytes: CERT_ID }] })
  })

  test('is refused for a critical extension that is not known (RFC 6960 4.4)', () => {
    const unknown = extension('1.3.6.1.4.1.99999.1', NULL, true)
    refused(ocspRequest([CERT_ID], [unknown]), /critical extension.*1\.3\.6\.1\.4\.1\.99999\.1/)
    refused(requestOf([sequence(CERT_ID, context(0, sequence(unknown)))]), /critical/)
  })

  test.for<[string, Buffer]>([
    ['version 2', requestOf([sequence(CERT_ID)], [], { version: integer(1) })],
    ['an empty requestorName', requestOf([sequence(CERT_ID)], [], { requestor: Buffer.alloc(0) })],
    ['a signature that is none', requestOf([sequence(CERT_ID)], [], { signature: NULL })],
    ['trailing bytes', Buffer.concat([ocspRequest([CERT_ID]), Buffer.of(0)])],
    ['an empty list of extensions', sequence(sequence(sequence(sequence(CERT_ID)), context(2, sequence())))],
    ['parameters other than NULL', ocspRequest([certId(ISSUER, '4f', 'sha1', octetString())])],
    ['a NULL with content', ocspRequest([certId(ISSUER, '4f', 'sha1', Buffer.of(5, 1, 0))])],
    [
      'a hash of the wrong length',
      ocspRequest([
        sequence(
          sequence(oid(HASH_OIDS.sha256)),
          octetString(Buffer.alloc(20)),
          octetString(Buffer.alloc(20)),
          integer(5),
        ),
      ]),
    ],
    ['64 KiB and more', ocspRequest([CERT_ID], [extension('1.2.3', Buffer.alloc(65_536))])],
    ['nothing at all', Buffer.alloc(0)],
  ])('is malformed with %s', ([, der]) => refused(der, /./))

  test('about a number that no CA may give names no serial number', () => {
    const ask = (content: Buffer) =>
      parseOcspRequest(
        ocspRequest([
          sequence(
            sequence(oid(HASH_OIDS.sha1)),
            octetString(Buffer.alloc(20)),
            octetString(Buffer.alloc(20)),
            Buffer.concat([Buffer.of(2, content.length), content]),
          ),
        ]),
      ).certIds[0].serialNumber
    expect(ask(Buffer.of(0xff))).toBeNull()
    expect(ask(Buffer.alloc(21, 1))).toBeNull()
    expect(ask(Buffer.alloc(20, 1))).toBe('01'.repeat(20))
    expect(ask(Buffer.of(0))).toBe('00')
  })

  test('by an unknown hash algorithm is well-formed, and names no issuer', () => {
    const md5 = sequence(sequence(oid('1.2.840.113549.2.5'), NULL), octetString(), octetString(), integer(5))
    expect(parseOcspRequest(ocspRequest([md5])).certIds[0].hash).toBeNull()
  })

  test('is read as the library reads it', () => {
    const hash = fc.constantFrom(...(Object.keys(HASH_OIDS) as CertIdHash[]))
    const serial = fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map((bytes) => Buffer.from(bytes).toString('hex'))
    fc.assert(
      fc.property(
        hash,
        fc.array(serial, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 128 }),
        (algorithm, serials, octets) => {
          const der = ocspRequest(
            serials.map((one) => certId(ISSUER, one, algorithm)),
            [nonce(octets)],
          )
          const ours = parseOcspRequest(der)
          const theirs = AsnConvert.parse(der, OCSPRequest).tbsRequest
          expect(ours.certIds.map(({ bytes }) => bytes.toString('hex'))).toEqual(
            theirs.requestList.map(({ reqCert }) =>
              Buffer.from(AsnConvert.serialize(reqCert)).toString('hex'),
            ),
          )
          expect(ours.nonce).toEqual(Buffer.from(theirs.requestExtensions![0]!.extnValue.buffer))
        },
      ),
    )
  })

  test('is refused by a CaError alone, whatever the bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        (bytes) => void parsesOrRefuses(() => parseOcspRequest(bytes)),
      ),
    )
  })
})
