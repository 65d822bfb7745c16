import { createHash } from 'node:crypto'
import type { CertificateInfo } from '../../src/pki/certificate/parse.ts'
import { context, integer, NULL, octetString, oid, sequence, tlv } from '../../src/pki/der/write.ts'

export const HASH_OIDS = {
  sha1: '1.3.14.3.2.26',
  sha256: '2.16.840.1.101.3.4.2.1',
  sha384: '2.16.840.1.101.3.4.2.2',
  sha512: '2.16.840.1.101.3.4.2.3',
} as const
export type CertIdHash = keyof typeof HASH_OIDS

export function certId(
  issuer: Pick<CertificateInfo, 'subject' | 'keyBits'>,
  serialNumber: string,
  hash: CertIdHash = 'sha1',
  parameters: Buffer | null = NULL,
): Buffer {
  const digest = (bytes: Buffer) => octetString(createHash(hash).update(bytes).digest())
  return sequence(
    parameters ? sequence(oid(HASH_OIDS[hash]), parameters) : sequence(oid(HASH_OIDS[hash])),
    digest(issuer.subject),
    digest(issuer.keyBits),
    integer(Buffer.from(serialNumber, 'hex')),
  )
}

export function extension(id: string, value: Buffer, critical?: boolean): Buffer {
  const flag = critical === undefined ? [] : [Buffer.of(1, 1, critical ? 0xff : 0)]
  return sequence(oid(id), ...flag, octetString(value))
}

export function nonce(octets: number): Buffer {
  return extension('1.3.6.1.5.5.7.48.1.2', octetString(Buffer.alloc(octets, 7)))
}

/** An OCSPRequest; each of `certIds` is a CertID, each of `extensions` an Extension. */
export function ocspRequest(certIds: readonly Buffer[], extensions: readonly Buffer[] = []): Buffer {
  return requestOf(
    certIds.map((one) => sequence(one)),
    extensions,
  )
}

/** The same from finished Request structures, with what may stand before and after. */
export function requestOf(
  requests: readonly Buffer[],
  extensions: readonly Buffer[] = [],
  { version, requestor, signature }: { version?: Buffer; requestor?: Buffer; signature?: Buffer } = {},
): Buffer {
  const parts: Buffer[] = []
  if (version) parts.push(context(0, version))
  if (requestor) parts.push(context(1, requestor))
  parts.push(sequence(...requests))
  if (extensions.length > 0) parts.push(context(2, sequence(...extensions)))
  const tbs = sequence(...parts)
  return signature ? sequence(tbs, context(0, signature)) : sequence(tbs)
}

/** A URI as GeneralName, for requestorName. */
export const REQUESTOR: Buffer = tlv(0x86, Buffer.from('https://client.example.test/'))
