import {
  BasicOCSPResponse,
  CertID,
  CertStatus,
  OCSPResponse,
  OCSPResponseStatus,
  ResponderID,
  ResponseBytes,
  ResponseData,
  RevokedInfo,
  SingleResponse,
} from '@peculiar/asn1-ocsp'
import { AsnConvert, OctetString } from '@peculiar/asn1-schema'
import { AlgorithmIdentifier, CRLReason, Extension, Extensions, Name } from '@peculiar/asn1-x509'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  encodeOcspError,
  encodeOcspResponse,
  encodeResponseData,
  type CertStatus as OurStatus,
} from '../../src/ocsp/response.ts'
import { generalizedTime, octetString } from '../../src/pki/der/write.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../../src/pki/keys/algorithms.ts'
import { assembleSigned } from '../../src/pki/signed.ts'
import { certId } from './ocsp-request.ts'

const seconds = fc.integer({ min: 0, max: 4_102_444_800 })
const status = fc.oneof(
  fc.constantFrom<OurStatus>('good', 'unknown'),
  fc.record({ revokedAt: seconds, reason: fc.constantFrom(0, 1, 2, 3, 4, 5, 6, 9, 10) }),
)
const fields = fc.record({
  responder: fc.oneof(
    fc.record({ keyHash: fc.uint8Array({ minLength: 20, maxLength: 20 }) }),
    fc.stringMatching(/^[a-z]{1,64}$/).map((value) => ({ name: encodeName([{ type: 'CN', value }]) })),
  ),
  archiveCutoff: fc.option(seconds),
  producedAt: seconds,
  thisUpdate: seconds,
  nextUpdate: seconds,
  responses: fc.array(
    fc.record({
      certId: fc
        .uint8Array({ minLength: 1, maxLength: 20 })
        .map((serial) =>
          certId({ subject: Buffer.of(1), keyBits: Buffer.of(2) }, Buffer.from(serial).toString('hex')),
        ),
      status,
    }),
    { minLength: 1, maxLength: 4 },
  ),
  nonce: fc.option(fc.uint8Array({ minLength: 1, maxLength: 128 }).map((bytes) => octetString(bytes))),
})

function theirStatus(given: OurStatus): CertStatus {
  if (given === 'good') return new CertStatus({ good: null })
  if (given === 'unknown') return new CertStatus({ unknown: null })
  const revoked = new RevokedInfo({ revocationTime: new Date(given.revokedAt * 1000) })
  if (given.reason !== 0) revoked.revocationReason = new CRLReason(given.reason)
  return new CertStatus({ revoked })
}

function cutoff(at: number): Extensions {
  const extnValue = new OctetString(generalizedTime(at))
  return new Extensions([new Extension({ extnID: '1.3.6.1.5.5.7.48.1.6', extnValue })])
}

const hex = (bytes: ArrayBuffer | Uint8Array) => Buffer.from(bytes as Uint8Array).toString('hex')

describe('an OCSP response', () => {
  test('is byte for byte what the library writes', () => {
    fc.assert(
      fc.property(fields, (given) => {
        const theirs = new ResponseData({
          responderID: new ResponderID(
            'name' in given.responder
              ? { byName: AsnConvert.parse(given.responder.name, Name) }
              : { byKey: new OctetString(Buffer.from(given.responder.keyHash)) },
          ),
          producedAt: new Date(given.producedAt * 1000),
          responses: given.responses.map(
            (one) =>
              new SingleResponse({
                certID: AsnConvert.parse(one.certId, CertID),
                certStatus: theirStatus(one.status),
                thisUpdate: new Date(given.thisUpdate * 1000),
                nextUpdate: new Date(given.nextUpdate * 1000),
                ...(given.archiveCutoff === null ? {} : { singleExtensions: cutoff(given.archiveCutoff) }),
              }),
          ),
        })
        if (given.nonce) {
          theirs.responseExtensions = [
            new Extension({ extnID: '1.3.6.1.5.5.7.48.1.2', extnValue: new OctetString(given.nonce) }),
          ]
        }
        expect(hex(encodeResponseData(given))).toBe(hex(AsnConvert.serialize(theirs)))
      }),
    )
  })

  test.for(SIGNATURE_ALGORITHMS)('is wrapped as the library wraps it: $name', (algorithm) => {
    const tbs = encodeResponseData({
      responder: { keyHash: Buffer.alloc(20) },
      archiveCutoff: null,
      producedAt: 0,
      thisUpdate: 0,
      nextUpdate: 1,
      responses: [{ certId: certId({ subject: Buffer.of(1), keyBits: Buffer.of(2) }, '05'), status: 'good' }],
      nonce: null,
    })
    const signature = Buffer.alloc(64, 9)
    const basic = new BasicOCSPResponse({
      tbsResponseData: AsnConvert.parse(tbs, ResponseData),
      signatureAlgorithm: AsnConvert.parse(algorithm.identifier, AlgorithmIdentifier),
      signature: new Uint8Array(signature).buffer,
    })
    const whole = new OCSPResponse({
      responseStatus: OCSPResponseStatus.successful,
      responseBytes: new ResponseBytes({
        responseType: '1.3.6.1.5.5.7.48.1.1',
        response: new OctetString(AsnConvert.serialize(basic)),
      }),
    })
    expect(hex(encodeOcspResponse(assembleSigned(tbs, algorithm, signature)))).toBe(
      hex(AsnConvert.serialize(whole)),
    )
  })

  test.for([
    ['malformedRequest', OCSPResponseStatus.malformedRequest],
    ['internalError', OCSPResponseStatus.internalError],
    ['tryLater', OCSPResponseStatus.tryLater],
    ['unauthorized', OCSPResponseStatus.unauthorized],
  ] as const)('without a signature says %s', ([name, responseStatus]) => {
    expect(hex(encodeOcspError(name))).toBe(hex(AsnConvert.serialize(new OCSPResponse({ responseStatus }))))
  })
})
