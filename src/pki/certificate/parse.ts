import type { ErrorCode } from '../../errors.ts'
import { DerReader, type Element } from '../der/read.ts'
import { integer, TAG } from '../der/write.ts'
import { readName } from '../distinguished-name.ts'
import { readAuthorityKeyIdentifier } from './authority-key-identifier.ts'
import { EXTENSION, type Extension } from './extensions.ts'

const VERSION = 0xa0
const VERSION_3 = integer(2)
const ISSUER_UNIQUE_ID = 0x81
const SUBJECT_UNIQUE_ID = 0x82
const EXTENSIONS = 0xa3

/** What a TBSCertificate says. Buffers are views of the bytes that were parsed. */
export interface TbsInfo {
  /** The TBSCertificate TLV: what is signed. */
  readonly tbs: Buffer
  /** Lower-case hexadecimal without leading zero octets. */
  readonly serialNumber: string
  /** DER Names. */
  readonly issuer: Buffer
  readonly subject: Buffer
  /** Seconds since 1970. */
  readonly notBefore: number
  readonly notAfter: number
  /** DER subjectPublicKeyInfo. */
  readonly spki: Buffer
  /** The content of its BIT STRING: what key identifiers and OCSP's issuerKeyHash are made of. */
  readonly keyBits: Buffer
  readonly extensions: readonly Extension[]
  readonly subjectKeyIdentifier: Buffer | null
  readonly authorityKeyIdentifier: Buffer | null
  readonly signatureAlgorithm: { readonly oid: string; readonly der: Buffer }
}

export interface CertificateInfo extends TbsInfo {
  readonly der: Buffer
  readonly signature: Buffer
}

const WHAT = 'certificate'

/**
 * Reads a version 3 certificate strictly (RFC 5280 4.1). Anything else is a `CaError` with the given code.
 * It judges the form alone: neither the signature, nor the dates, nor whether the key is a good one.
 */
export function parseCertificate(der: Uint8Array, code: ErrorCode = 'malformedRequest'): CertificateInfo {
  const outer = new DerReader(der, WHAT, code)
  const whole = outer.expect(TAG.sequence)
  outer.end()
  const reader = outer.into(whole)
  const info = readTbs(reader, code)
  const algorithm = reader.expect(TAG.sequence)
  const signature = reader.bitString()
  reader.end()
  // RFC 5280 4.1.1.2: the outer one is not signed, so it must not be able to say something else.
  if (!algorithm.bytes.equals(info.signatureAlgorithm.der)) {
    reader.fail('names two different signature algorithms')
  }
  return { ...info, der: whole.bytes, signature }
}

/** The same for a TBSCertificate that is not signed yet. */
export function parseTbs(tbs: Uint8Array, code: ErrorCode = 'malformedRequest'): TbsInfo {
  const reader = new DerReader(tbs, WHAT, code)
  const info = readTbs(reader, code)
  reader.end()
  return info
}

function readTbs(outer: DerReader, code: ErrorCode): TbsInfo {
  const whole = outer.expect(TAG.sequence)
  const reader = outer.into(whole)
  const version = reader.optional(VERSION)
  if (!version?.content.equals(VERSION_3)) reader.fail('is not of version 3')
  const serialNumber = readSerialNumber(reader)
  const signatureAlgorithm = readAlgorithm(reader)
  const issuer = reader.expect(TAG.sequence)
  if (readName(issuer.bytes, WHAT, code).length === 0) reader.fail('has no issuer')
  const validity = reader.enter()
  const notBefore = validity.time()
  const notAfter = validity.time()
  validity.end()
  const subject = reader.expect(TAG.sequence).bytes
  readName(subject, WHAT, code)
  const key = reader.expect(TAG.sequence)
  const keyBits = readKeyBits(reader.into(key))
  // RFC 5280 4.1.2.8: CAs must not make them, and nothing here would look at them.
  if (reader.tag === ISSUER_UNIQUE_ID || reader.tag === SUBJECT_UNIQUE_ID)
    reader.fail('has unique identifiers')
  const wrapper = reader.optional(EXTENSIONS)
  reader.end()
  const extensions = wrapper ? readExtensions(reader.into(wrapper)) : []
  return {
    tbs: whole.bytes,
    serialNumber,
    issuer: issuer.bytes,
    subject,
    notBefore,
    notAfter,
    spki: key.bytes,
    keyBits,
    extensions,
    subjectKeyIdentifier: readSubjectKeyIdentifier(extensions, code),
    authorityKeyIdentifier: readAuthorityKeyIdentifier(extensions, WHAT, code).key,
    signatureAlgorithm,
  }
}

/** RFC 5280 4.1.2.2: positive, at most 20 octets; but 0 is read, since several public roots have it. */
export function readSerialNumber(reader: DerReader): string {
  const content = reader.integer()
  if (content[0]! & 0x80 || content.length > 20) {
    reader.fail('has a serial number that is negative or longer than 20 octets')
  }
  return content.subarray(content[0] === 0 && content.length > 1 ? 1 : 0).toString('hex')
}

/** Reads an AlgorithmIdentifier, whatever its parameters. */
export function readAlgorithm(reader: DerReader): { oid: string; der: Buffer } {
  const element: Element = reader.expect(TAG.sequence)
  const algorithm = reader.into(element)
  const id = algorithm.oid()
  if (!algorithm.done) algorithm.next()
  algorithm.end()
  return { oid: id, der: element.bytes }
}

function readKeyBits(spki: DerReader): Buffer {
  readAlgorithm(spki)
  const bits = spki.bitString()
  spki.end()
  return bits
}

/** Reads the content of the tag around it, or the rest of a structure: an Extensions SEQUENCE, and nothing after it. */
export function readExtensions(wrapper: DerReader): Extension[] {
  const list = wrapper.enter()
  wrapper.end()
  const extensions: Extension[] = []
  const seen = new Set<string>()
  while (!list.done) {
    const entry = list.enter()
    const id = entry.oid()
    const critical = entry.tag === TAG.boolean
    // X.690 11.5: FALSE is the default, and a default is left out.
    if (critical && !entry.boolean()) entry.fail('spells out a default value')
    const value = entry.expect(TAG.octetString).content
    entry.end()
    // RFC 5280 4.2: two parsers might each believe another one of the two.
    if (seen.has(id)) list.fail(`has the extension ${id} twice`)
    seen.add(id)
    extensions.push({ oid: id, critical, value })
  }
  if (extensions.length === 0) list.fail('has an empty list of extensions')
  return extensions
}

function readSubjectKeyIdentifier(extensions: readonly Extension[], code: ErrorCode): Buffer | null {
  const value = extensions.find((extension) => extension.oid === EXTENSION.subjectKeyIdentifier)?.value
  if (!value) return null
  const reader = new DerReader(value, WHAT, code)
  const id = reader.expect(TAG.octetString).content
  reader.end()
  return id
}
