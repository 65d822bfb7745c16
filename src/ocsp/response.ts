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

export const OCSP_BASIC = oid('1.3.6.1.5.5.7.48.1.1')
export const NONCE = '1.3.6.1.5.5.7.48.1.2'
const ARCHIVE_CUTOFF = '1.3.6.1.5.5.7.48.1.6'

/** OCSPResponseStatus (RFC 6960 4.2.1). */
export const OCSP_STATUS = {
  successful: 0,
  malformedRequest: 1,
  internalError: 2,
  tryLater: 3,
  unauthorized: 6,
} as const
export type OcspStatus = keyof typeof OCSP_STATUS

export type CertStatus = 'good' | 'unknown' | { readonly revokedAt: number; readonly reason: number }

export interface ResponseFields {
  /** Who signs: a DER Name, or the SHA-1 of the key, as issuerKeyHash is made. */
  readonly responder: { readonly name: Uint8Array } | { readonly keyHash: Uint8Array }
  /** Seconds since 1970, like all times here. */
  readonly producedAt: number
  readonly thisUpdate: number
  readonly nextUpdate: number
  /** `certId` is the request's CertID, byte for byte. */
  readonly responses: readonly { readonly certId: Uint8Array; readonly status: CertStatus }[]
  /** The value of the request's nonce extension. */
  readonly nonce: Buffer | null
  /** Certificates that expired later than this have a status here; null where that is not said (RFC 6960 4.4.4). */
  readonly archiveCutoff: number | null
}

/**
 * ResponseData of version v1 (RFC 6960 4.2.1), ready to be signed. nextUpdate is always there: without it HAProxy and Java
 * reject the answer, and to Envoy it is expired.
 */
export function encodeResponseData(fields: ResponseFields): Buffer {
  const thisUpdate = generalizedTime(fields.thisUpdate)
  const nextUpdate = context(0, generalizedTime(fields.nextUpdate))
  const { responder, archiveCutoff } = fields
  const extensions =
    archiveCutoff === null
      ? []
      : [
          context(
            1,
            encodeExtensions([
              { oid: ARCHIVE_CUTOFF, critical: false, value: generalizedTime(archiveCutoff) },
            ]),
          ),
        ]
  const responses = fields.responses.map(({ certId, status }) =>
    sequence(certId, encodeStatus(status), thisUpdate, nextUpdate, ...extensions),
  )
  const parts = [
    'name' in responder ? context(1, responder.name) : context(2, octetString(responder.keyHash)),
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
  return sequence(enumerated(OCSP_STATUS.successful), context(0, sequence(OCSP_BASIC, octetString(basic))))
}

/** An answer without a signature (RFC 6960 2.3): nobody can tell it from a forged one, so it settles nothing. */
export function encodeOcspError(status: Exclude<OcspStatus, 'successful'>): Buffer {
  return sequence(enumerated(OCSP_STATUS[status]))
}
