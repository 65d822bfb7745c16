import { CaError, type ErrorCode } from '../../errors.ts'
import {
  type AuthorityKeyIdentifier,
  readAuthorityKeyIdentifier,
} from '../certificate/authority-key-identifier.ts'
import { EXTENSION, type Extension } from '../certificate/extensions.ts'
import { readAlgorithm, readExtensions } from '../certificate/parse.ts'
import { DerReader } from '../der/read.ts'
import { integer, TAG } from '../der/write.ts'
import { readName } from '../distinguished-name.ts'
import { CRL_EXTENSION } from './extensions.ts'
import { readCrlEntries } from './parse-entry.ts'

const WHAT = 'CRL'
const VERSION_2 = integer(1)
const EXTENSIONS = 0xa0

/** What a reader of this CRL hears of, so that being critical does not make them unknown. */
const KNOWN: readonly string[] = [
  EXTENSION.authorityKeyIdentifier,
  CRL_EXTENSION.crlNumber,
  CRL_EXTENSION.deltaCrlIndicator,
  CRL_EXTENSION.issuingDistributionPoint,
]

/** What a CRL says. Buffers are views of the bytes that were parsed. */
export interface CrlInfo {
  readonly der: Buffer
  /** The TBSCertList TLV: what is signed. */
  readonly tbs: Buffer
  readonly signatureAlgorithm: { readonly oid: string; readonly der: Buffer }
  readonly signature: Buffer
  /** DER Name. */
  readonly issuer: Buffer
  /** Seconds since 1970. */
  readonly thisUpdate: number
  readonly nextUpdate: number | null
  /** cRLNumber: up to 20 octets (RFC 5280 5.2.3), so more than a number holds. */
  readonly number: bigint | null
  readonly authorityKeyIdentifier: AuthorityKeyIdentifier
  /** How many certificates it lists. */
  readonly count: number
  /** The entries, one after the other, as `readCrlEntries` takes them. */
  readonly entries: Buffer
  /** Lists only what changed since another CRL. */
  readonly isDelta: boolean
  /** Has an issuingDistributionPoint, so it may speak of some of the issuer's certificates only. */
  readonly isPartial: boolean
  /** The OID of the first critical extension, of the CRL or of an entry, that is none of the above. */
  readonly unknownCritical: string | null
}

/**
 * Reads a version 2 CRL strictly (RFC 5280 5.1), every entry included. Anything else is a `CaError` with the given
 * code. It judges the form alone: neither the signature, nor the dates, nor whose it is.
 */
export function parseCrl(der: Uint8Array, code: ErrorCode = 'malformedRequest'): CrlInfo {
  const outer = new DerReader(der, WHAT, code)
  const whole = outer.expect(TAG.sequence)
  outer.end()
  const reader = outer.into(whole)
  const tbs = reader.expect(TAG.sequence)
  const signatureAlgorithm = readAlgorithm(reader)
  const signature = reader.bitString()
  reader.end()
  const { inner, ...list } = readList(reader.into(tbs), code)
  // RFC 5280 5.1.1.2: the outer one is not signed, so it must not be able to say something else.
  if (!inner.equals(signatureAlgorithm.der)) reader.fail('names two different signature algorithms')
  return { der: whole.bytes, tbs: tbs.bytes, signatureAlgorithm, signature, ...list }
}

function readList(reader: DerReader, code: ErrorCode) {
  const version = reader.optional(TAG.integer)
  if (!version) {
    throw new CaError(
      code,
      'The CRL is of version 1, which has no cRLNumber: make one of version 2 (openssl does with "crlnumber" in its configuration).',
    )
  }
  if (!version.bytes.equals(VERSION_2)) reader.fail('is not of version 2')
  const inner = readAlgorithm(reader).der
  const issuer = reader.expect(TAG.sequence).bytes
  if (readName(issuer, WHAT, code).length === 0) reader.fail('has no issuer')
  const thisUpdate = reader.time()
  const hasEnd = reader.tag === TAG.utcTime || reader.tag === TAG.generalizedTime
  const nextUpdate = hasEnd ? reader.time() : null
  const revoked = reader.optional(TAG.sequence)
  // RFC 5280 5.1.2.6: with nothing revoked the list is absent, not empty.
  if (revoked?.content.length === 0) {
    throw new CaError(
      code,
      'The CRL has an empty list of revoked certificates, where there must be none at all: certtool writes one; make the CRL with "openssl ca -gencrl" and the same key.',
    )
  }
  const wrapper = reader.optional(EXTENSIONS)
  reader.end()
  const extensions = wrapper ? readExtensions(reader.into(wrapper)) : []
  const entries = revoked?.content ?? Buffer.alloc(0)
  const { count, unknownCritical } = readThrough(entries, code)
  return {
    inner,
    issuer,
    thisUpdate,
    nextUpdate,
    number: readNumber(extensions, code),
    authorityKeyIdentifier: readAuthorityKeyIdentifier(extensions, WHAT, code),
    count,
    entries,
    isDelta: extensions.some(({ oid }) => oid === CRL_EXTENSION.deltaCrlIndicator),
    isPartial: extensions.some(({ oid }) => oid === CRL_EXTENSION.issuingDistributionPoint),
    unknownCritical:
      extensions.find(({ oid, critical }) => critical && !KNOWN.includes(oid))?.oid ?? unknownCritical,
  }
}

function readThrough(entries: Buffer, code: ErrorCode): { count: number; unknownCritical: string | null } {
  let count = 0
  let unknownCritical: string | null = null
  for (const entry of readCrlEntries(entries, code)) {
    count++
    unknownCritical ??= entry.unknownCritical
  }
  return { count, unknownCritical }
}

function readNumber(extensions: readonly Extension[], code: ErrorCode): bigint | null {
  const value = extensions.find(({ oid }) => oid === CRL_EXTENSION.crlNumber)?.value
  if (!value) return null
  const reader = new DerReader(value, WHAT, code)
  const content = reader.integer()
  reader.end()
  if (content[0]! & 0x80 || content.length > 20)
    reader.fail('has a cRLNumber that is negative or longer than 20 octets')
  return BigInt(`0x${content.toString('hex')}`)
}
