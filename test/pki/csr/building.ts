import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import {
  bitString,
  boolean,
  context,
  contextPrimitive,
  integer,
  octetString,
  oid,
  sequence,
  setOf,
  tlv,
  utf8String,
} from '../../../src/pki/der/write.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'

/** The parts of a CSR, any of which a test may replace; the rest are right, and the signature is made over them. */
export interface CsrParts {
  key: KeyObject
  version?: Buffer
  subject?: Buffer
  spki?: Buffer
  /** The whole [0], or null to leave it away. */
  attributes?: Buffer | null
  algorithm?: Buffer
  sign?: (info: Buffer) => Buffer
}

export function buildCsr(parts: CsrParts): Buffer {
  const { key } = parts
  const family = key.asymmetricKeyType as 'ec' | 'rsa' | 'ed25519'
  const hash = family === 'ed25519' ? null : 'sha256'
  const attributes = parts.attributes === undefined ? context(0) : (parts.attributes ?? Buffer.alloc(0))
  const spki = parts.spki ?? createPublicKey(key).export({ type: 'spki', format: 'der' })
  const info = sequence(
    parts.version ?? integer(0),
    parts.subject ?? commonName('web.test'),
    spki,
    attributes,
  )
  const signature = parts.sign ? parts.sign(info) : sign(hash, info, key)
  return sequence(info, parts.algorithm ?? signatureAlgorithm(family, hash).identifier, bitString(signature))
}

export function nameOf(...attributes: readonly [type: string, value: Buffer][]): Buffer {
  return sequence(...attributes.map(([type, value]) => tlv(0x31, sequence(oid(type), value))))
}

export function commonName(text: string): Buffer {
  return nameOf(['2.5.4.3', utf8String(text)])
}

export function attribute(type: string, ...values: Buffer[]): Buffer {
  return sequence(oid(type), setOf(...values))
}

export function extension(type: string, value: Buffer, critical = false): Buffer {
  return sequence(oid(type), ...(critical ? [boolean(true)] : []), octetString(value))
}

/** The [0] with an extensionRequest of these extensions. */
export function requesting(...extensions: readonly Buffer[]): Buffer {
  return context(0, attribute('1.2.840.113549.1.9.14', sequence(...extensions)))
}

/** A subjectAltName of DNS names, taken as they are. */
export function dnsNames(...names: readonly string[]): Buffer {
  return extension(
    '2.5.29.17',
    sequence(...names.map((name) => contextPrimitive(2, Buffer.from(name, 'latin1')))),
  )
}
