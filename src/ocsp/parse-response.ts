import type { Extension } from '../pki/certificate/extensions.ts'
import { readAlgorithm, readExtensions } from '../pki/certificate/parse.ts'
import { REASON, REVOCATION_REASONS } from '../pki/crl/reasons.ts'
import { DerReader } from '../pki/der/read.ts'
import { enumerated, TAG } from '../pki/der/write.ts'
import { type CertId, readCertId } from './cert-id.ts'
import { type CertStatus, OCSP_BASIC, OCSP_STATUS } from './response.ts'

const CODE = 'badOcspResponse'
const WHAT = 'OCSP response'
const REASONS: readonly number[] = REVOCATION_REASONS.map((name) => REASON[name])

/** One SingleResponse. Times in seconds since 1970. */
export interface StatusInfo {
  readonly certId: CertId
  readonly status: CertStatus
  readonly thisUpdate: number
  readonly nextUpdate: number | null
  readonly extensions: readonly Extension[]
}

/** What a successful OCSPResponse says. Buffers are views of the bytes that were parsed. */
export interface OcspResponseInfo {
  readonly der: Buffer
  /** The ResponseData TLV: what is signed. */
  readonly tbs: Buffer
  readonly signatureAlgorithm: { readonly oid: string; readonly der: Buffer }
  readonly signature: Buffer
  /** DER certificates that came with it. */
  readonly certificates: readonly Buffer[]
  readonly responderId: { readonly name: Buffer } | { readonly keyHash: Buffer }
  readonly producedAt: number
  readonly responses: readonly StatusInfo[]
  readonly extensions: readonly Extension[]
}

/**
 * Reads an OCSPResponse strictly (RFC 6960 4.2.1). `CaError` "badOcspResponse" for anything else, and for an answer that is
 * an error. It judges the form alone: neither the signature, nor the times, nor whose it is.
 */
export function parseOcspResponse(bytes: Uint8Array): OcspResponseInfo {
  const outer = new DerReader(bytes, WHAT, CODE)
  const whole = outer.expect(TAG.sequence)
  outer.end()
  const response = outer.into(whole)
  const status = response.expect(TAG.enumerated)
  if (!status.bytes.equals(enumerated(OCSP_STATUS.successful)))
    response.fail('is an error without a status in it')
  const wrapper = response.enter(0xa0)
  response.end()
  const responseBytes = wrapper.enter()
  wrapper.end()
  if (!responseBytes.expect(TAG.oid).bytes.equals(OCSP_BASIC)) responseBytes.fail('is not a basic one')
  const { content } = responseBytes.expect(TAG.octetString)
  responseBytes.end()
  return { der: whole.bytes, ...readBasic(content) }
}

function readBasic(content: Buffer): Omit<OcspResponseInfo, 'der'> {
  const outer = new DerReader(content, WHAT, CODE)
  const basic = outer.enter()
  outer.end()
  const tbs = basic.expect(TAG.sequence)
  const signatureAlgorithm = readAlgorithm(basic)
  const signature = basic.bitString()
  const wrapper = basic.optional(0xa0)
  basic.end()
  const certificates: Buffer[] = []
  if (wrapper) {
    const inner = basic.into(wrapper)
    const list = inner.enter()
    inner.end()
    while (!list.done) certificates.push(list.expect(TAG.sequence).bytes)
  }
  return { tbs: tbs.bytes, signatureAlgorithm, signature, certificates, ...readData(basic.into(tbs)) }
}

function readData(data: DerReader) {
  // RFC 6960 4.2.1: version v1 is the default, which DER leaves out; Envoy, Go and Java refuse any other.
  if (data.tag === 0xa0) data.fail('is not of version 1')
  const responderId = readResponderId(data)
  const producedAt = readTime(data)
  const list = data.enter()
  const responses = [readSingle(list)]
  while (!list.done) responses.push(readSingle(list))
  const wrapper = data.optional(0xa1)
  data.end()
  return { responderId, producedAt, responses, extensions: wrapper ? readExtensions(data.into(wrapper)) : [] }
}

function readResponderId(data: DerReader): OcspResponseInfo['responderId'] {
  const byName = data.optional(0xa1)
  if (byName) {
    const reader = data.into(byName)
    const name = reader.expect(TAG.sequence).bytes
    reader.end()
    return { name }
  }
  const reader = data.enter(0xa2)
  const keyHash = reader.expect(TAG.octetString).content
  reader.end()
  return { keyHash }
}

function readSingle(list: DerReader): StatusInfo {
  const single = list.enter()
  const certId = readCertId(single)
  const status = readStatus(single)
  const thisUpdate = readTime(single)
  const next = single.optional(0xa0)
  let nextUpdate: number | null = null
  if (next) {
    const reader = single.into(next)
    nextUpdate = readTime(reader)
    reader.end()
  }
  const wrapper = single.optional(0xa1)
  single.end()
  return {
    ...{ certId, status, thisUpdate, nextUpdate },
    extensions: wrapper ? readExtensions(single.into(wrapper)) : [],
  }
}

function readStatus(single: DerReader): CertStatus {
  const { tag, content } = single.next()
  if (tag === 0x80 && content.length === 0) return 'good'
  if (tag === 0x82 && content.length === 0) return 'unknown'
  if (tag !== 0xa1) single.fail('has a status that is neither good, revoked nor unknown')
  const info = new DerReader(content, WHAT, CODE)
  const revokedAt = readTime(info)
  const wrapper = info.optional(0xa0)
  info.end()
  if (!wrapper) return { revokedAt, reason: REASON.unspecified }
  const reader = info.into(wrapper)
  const reason = reader.expect(TAG.enumerated).content
  reader.end()
  if (reason.length !== 1 || !REASONS.includes(reason[0]!)) reader.fail('has an unknown reason')
  return { revokedAt, reason: reason[0]! }
}

/** RFC 6960 4.2.2.1: GeneralizedTime always. */
function readTime(reader: DerReader): number {
  if (reader.tag !== TAG.generalizedTime) reader.fail('has a time that is no GeneralizedTime')
  return reader.time()
}
