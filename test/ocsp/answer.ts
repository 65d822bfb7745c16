import { createPublicKey, verify } from 'node:crypto'
import { BasicOCSPResponse, OCSPResponse, OCSPResponseStatus } from '@peculiar/asn1-ocsp'
import { AsnConvert } from '@peculiar/asn1-schema'
import type { Authority } from '../../src/ca/authority.ts'
import type { Signer } from '../../src/ca/signer.ts'

/** As much of an authority as it takes to verify what it signed. */
export interface AnswerIssuer {
  readonly certificate: Pick<Authority['certificate'], 'spki'>
  readonly signer: { readonly algorithm: Pick<Signer['algorithm'], 'hash'> } | null
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
  const signed = verify(
    issuer.signer!.algorithm.hash,
    Buffer.from(AsnConvert.serialize(data)),
    createPublicKey({ key: issuer.certificate.spki, format: 'der', type: 'spki' }),
    Buffer.from(basic.signature),
  )
  if (!signed) throw new Error('the signature does not verify')
  return {
    status,
    signed,
    embedsCertificates: basic.certs !== undefined,
    responderKeyHash: Buffer.from(data.responderID.byKey!.buffer).toString('hex'),
    producedAt: seconds(data.producedAt),
    nonce: data.responseExtensions?.map(({ extnValue }) => Buffer.from(extnValue.buffer))[0] ?? null,
    singles: data.responses.map((one) => ({
      certId: Buffer.from(AsnConvert.serialize(one.certID)),
      status: one.certStatus.revoked ? 'revoked' : one.certStatus.good === null ? 'good' : 'unknown',
      revokedAt: one.certStatus.revoked ? seconds(one.certStatus.revoked.revocationTime) : null,
      reason: one.certStatus.revoked?.revocationReason?.reason ?? null,
      thisUpdate: seconds(one.thisUpdate),
      nextUpdate: one.nextUpdate ? seconds(one.nextUpdate) : null,
    })),
  }
}

function seconds(date: Date): number {
  return date.getTime() / 1000
}
