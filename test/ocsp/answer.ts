import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { BasicOCSPResponse, OCSPResponse, OCSPResponseStatus } from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import type { Authority } from '../../src/ca/authority.ts'
import { SIGNATURE_ALGORITHMS } from '../../src/pki/keys/algorithms.ts'

/** As much of an authority as it takes to verify what it signed. */
export interface AnswerIssuer {
  readonly certificate: Pick<Authority['certificate'], 'spki'>
}

/** An OCSP answer as the library reads it. Throws unless it is well-formed to the last byte. */
export function readAnswer(der: Buffer, issuer: AnswerIssuer) {
  const response = AsnConvert.parse(der, OCSPResponse)
  const status = OCSPResponseStatus[response.responseStatus]!
  if (!Buffer.from(AsnConvert.serialize(response)).equals(der))
    throw new Error('not DER, or bytes after its end')
  if (!response.responseBytes) return { status, singles: [], nonce: null, signed: false }
  const basic = AsnConvert.parse(response.responseBytes.response, BasicOCSPResponse)
  const { tbsResponseData: data } = basic
  const certificates = (basic.certs ?? []).map((one) => Buffer.from(AsnConvert.serialize(one)))
  // A delegated responder's certificate comes with the answer.
  const [delegate] = certificates
  const signed = verify(
    SIGNATURE_ALGORITHMS.find(({ oid }) => oid === basic.signatureAlgorithm.algorithm)!.hash,
    Buffer.from(AsnConvert.serialize(data)),
    delegate
      ? new X509Certificate(delegate).publicKey
      : createPublicKey({ key: issuer.certificate.spki, format: 'der', type: 'spki' }),
    Buffer.from(basic.signature),
  )
  if (!signed) throw new Error('the signature does not verify')
  return {
    status,
    signed,
    certificates,
    responderKeyHash: data.responderID.byKey
      ? Buffer.from(data.responderID.byKey.buffer).toString('hex')
      : null,
    responderName: data.responderID.byName
      ? Buffer.from(AsnConvert.serialize(data.responderID.byName)).toString('hex')
      : null,
    producedAt: seconds(data.producedAt),
    nonce: data.responseExtensions?.map(({ extnValue }) => Buffer.from(extnValue.buffer))[0] ?? null,
    singles: data.responses.map((one) => ({
      certId: Buffer.from(AsnConvert.serialize(one.certID)),
      status: one.certStatus.revoked ? 'revoked' : one.certStatus.good === null ? 'good' : 'unknown',
      revokedAt: one.certStatus.revoked ? seconds(one.certStatus.revoked.revocationTime) : null,
      reason: one.certStatus.revoked?.revocationReason?.reason ?? null,
      thisUpdate: seconds(one.thisUpdate),
      nextUpdate: one.nextUpdate ? seconds(one.nextUpdate) : null,
      extensions: (one.singleExtensions ?? []).map(
        ({ extnID, critical, extnValue }) =>
          `${extnID}${critical ? ' critical' : ''} ${Buffer.from(extnValue.buffer).toString('latin1').slice(2)}`,
      ),
    })),
  }
}

function seconds(date: Date): number {
  return date.getTime() / 1000
}
