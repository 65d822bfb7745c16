import { context, oid, sequence } from '../der/write.ts'

/** Content types, encoded: RFC 5652 4, 5, 6 and 8, RFC 5958 2. */
export const CONTENT_TYPE = {
  data: oid('1.2.840.113549.1.7.1'),
  signedData: oid('1.2.840.113549.1.7.2'),
  envelopedData: oid('1.2.840.113549.1.7.3'),
  encryptedData: oid('1.2.840.113549.1.7.6'),
  asymmetricKeyPackage: oid('2.16.840.1.101.2.1.2.78.5'),
} as const

/** What CMS messages begin with (RFC 5652 3). `content` is DER of the type. */
export function contentInfo(type: Uint8Array, content: Uint8Array): Buffer {
  return sequence(type, context(0, content))
}
