import { createHash } from 'node:crypto'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import type { DerReader } from '../pki/der/read.ts'
import { integer, NULL, octetString, oid, sequence, TAG } from '../pki/der/write.ts'
import { HASH_OIDS } from '../pki/keys/algorithms.ts'

const HASHES = {
  '1.3.14.3.2.26': { name: 'sha1', octets: 20 },
  [HASH_OIDS.sha256]: { name: 'sha256', octets: 32 },
  [HASH_OIDS.sha384]: { name: 'sha384', octets: 48 },
  [HASH_OIDS.sha512]: { name: 'sha512', octets: 64 },
} as const
export type CertIdHash = (typeof HASHES)[keyof typeof HASHES]['name']

/** Which certificate is asked about (RFC 6960 4.1.1). */
export interface CertId {
  /** The TLV as the client sent it: it goes into the answer byte for byte, since clients compare it so. */
  readonly bytes: Buffer
  /** Null for a hash that this responder does not know: nobody's issuer. */
  readonly hash: CertIdHash | null
  readonly issuerNameHash: Buffer
  readonly issuerKeyHash: Buffer
  /** As the store writes it; null for a number that no CA may give (RFC 5280 4.1.2.2). */
  readonly serialNumber: string | null
}

export function readCertId(list: DerReader): CertId {
  const element = list.expect(TAG.sequence)
  const reader = list.into(element)
  const algorithm = reader.enter()
  const oid = algorithm.oid()
  const hash = Object.hasOwn(HASHES, oid) ? HASHES[oid as keyof typeof HASHES] : null
  if (hash && !algorithm.done) {
    // RFC 5754 2: absent or NULL. Echoing anything else would sign a stranger's bytes.
    const parameters = algorithm.expect(TAG.null)
    if (parameters.content.length > 0) algorithm.fail('has a NULL that is not empty')
  } else if (!algorithm.done) algorithm.next()
  algorithm.end()
  const issuerNameHash = reader.expect(TAG.octetString).content
  const issuerKeyHash = reader.expect(TAG.octetString).content
  if (hash && (issuerNameHash.length !== hash.octets || issuerKeyHash.length !== hash.octets)) {
    reader.fail('has a hash of the wrong length')
  }
  const serialNumber = serialText(reader.integer())
  reader.end()
  return { bytes: element.bytes, hash: hash?.name ?? null, issuerNameHash, issuerKeyHash, serialNumber }
}

function serialText(content: Buffer): string | null {
  if (content[0]! & 0x80 || content.length > 20) return null
  return content.subarray(content[0] === 0 && content.length > 1 ? 1 : 0).toString('hex')
}

interface IssuerHashes {
  readonly name: Buffer
  readonly key: Buffer
}

const hashesOf = new WeakMap<CertificateInfo, Map<CertIdHash, IssuerHashes>>()

/** The hashes by which requests name this issuer; computed once for each certificate. */
export function issuerHashes(issuer: CertificateInfo, hash: CertIdHash): IssuerHashes {
  const known = hashesOf.get(issuer) ?? new Map<CertIdHash, IssuerHashes>()
  hashesOf.set(issuer, known)
  const hashes = known.get(hash) ?? {
    name: createHash(hash).update(issuer.subject).digest(),
    key: createHash(hash).update(issuer.keyBits).digest(),
  }
  known.set(hash, hashes)
  return hashes
}

/** The CertID of a certificate, with NULL parameters, as clients write it (RFC 6960 4.1.1). */
export function encodeCertId(issuer: CertificateInfo, serialNumber: string, hash: CertIdHash): Buffer {
  const [algorithm] = Object.entries(HASHES).find(([, { name }]) => name === hash)!
  const { name, key } = issuerHashes(issuer, hash)
  return sequence(
    sequence(oid(algorithm), NULL),
    octetString(name),
    octetString(key),
    integer(Buffer.from(serialNumber, 'hex')),
  )
}

/** Whether the CertID names this certificate as the issuer. */
export function isIssuer(issuer: CertificateInfo, { hash, issuerNameHash, issuerKeyHash }: CertId): boolean {
  if (hash === null) return false
  const { name, key } = issuerHashes(issuer, hash)
  return key.equals(issuerKeyHash) && name.equals(issuerNameHash)
}
