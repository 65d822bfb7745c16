import { encodeExtensions } from '../pki/certificate/extensions.ts'
import { REASON } from '../pki/crl/reasons.ts'
import {
  context,
  contextPrimitive,
  enumerated,
  generalizedTime,
  octetString,
  oid,
  sequence,
} from '../pki/der/write.ts'

const BASIC = oid('1.3.6.1.5.5.7.48.1.1')
const NONCE = '1.3.6.1.5.5.7.48.1.2'

/** OCSPResponseStatus (RFC 6960 4.2.1). */
const OCSP_STATUS = {
  successful: 0,
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  unauthorized: 6,
} as const
export type OcspStatus = keyof typeof OCSP_STATUS

export type CertStatus = 'good' | 'unknown' | { readonly revokedAt: number; readonly reason: number }

export interface ResponseFields {
  /** SHA-1 of the responder's key, as issuerKeyHash is made. */
  readonly responderKeyHash: Uint8Array
  /** Seconds since 1970, like all times here. */
  readonly producedAt: number
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** `certId` is the request's CertID, byte for byte. */
  readonly responses: readonly { readonly certId: Uint8Array; readonly status: CertStatus }[]
  /** The value of the request's nonce extension. */
  readonly nonce: Buffer | null
}

/**
 * ResponseData of version v1 (RFC 6960 4.2.1), ready to be signed. The responder is named by its key, and
 * nextUpdate is always there: without it HAProxy and Java reject the answer, and to Envoy it is expired.
 */
export function encodeResponseData(fields: ResponseFields): Buffer {
  const thisUpdate = generalizedTime(fields.thisUpdate)
  const nextUpdate = context(0, generalizedTime(fields.nextUpdate))
  const responses = fields.responses.map(({ certId, status }) =>
    sequence(certId, encodeStatus(status), thisUpdate, nextUpdate),
  )
  const parts = [
    context(2, octetString(fields.responderKeyHash)),
    generalizedTime(fields.producedAt),
    sequence(...responses),
  ]
  if (fields.nonce) {
    parts.push(context(1, encodeExtensions([{ oid: NONCE, critical: false, value: fields.nonce }])))
  }
  return sequence(...parts)
}

function encodeStatus(status: CertStatus): Buffer {
  if (status === 'good') return contextPrimitive(0, Buffer.alloc(0))
  if (status === 'unknown') return contextPrimitive(2, Buffer.alloc(0))
  const revokedAt = generalizedTime(status.revokedAt)
  if (status.reason === REASON.unspecified) return context(1, revokedAt)
  return context(1, revokedAt, context(0, enumerated(status.reason)))
}

/** A successful OCSPResponse around a signed BasicOCSPResponse. */
export function encodeOcspResponse(basic: Uint8Array): Buffer {
  return sequence(enumerated(OCSP_STATUS.successful), context(0, sequence(BASIC, octetString(basic))))
}

/** An answer without a signature (RFC 6960 2.3): nobody can tell it from a forged one, so it settles nothing. */
export function encodeOcspError(status: Exclude<OcspStatus, 'successful'>): Buffer {
  return sequence(enumerated(OCSP_STATUS[status]))
}
