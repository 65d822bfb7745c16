import type { ErrorCode } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { integerContent } from '../der/write.ts'
import { DIRECTORY_NAME_TAG } from '../names/general-names.ts'
import { EXTENSION, type Extension } from './extensions.ts'

/** What an authorityKeyIdentifier says of whose key it is (RFC 5280 4.2.1.1). Nothing where there is none. */
export interface AuthorityKeyIdentifier {
  readonly key: Buffer | null
  /** One certificate of the issuer: by whom, the first DER Name if there is one, and the content octets of the INTEGER. */
  readonly certificate: { readonly issuer: Buffer | null; readonly serialNumber: Buffer } | null
}

export function readAuthorityKeyIdentifier(
  extensions: readonly Extension[],
  what: string,
  code: ErrorCode,
): AuthorityKeyIdentifier {
  const value = extensions.find((extension) => extension.oid === EXTENSION.authorityKeyIdentifier)?.value
  if (!value) return { key: null, certificate: null }
  const outer = new DerReader(value, what, code)
  const reader = outer.enter()
  outer.end()
  const key = reader.optional(0x80)?.content ?? null
  const names = reader.optional(0xa1)
  // They come together or not at all.
  const certificate = names && {
    issuer: firstDirectoryName(reader.into(names)),
    serialNumber: reader.expect(0x82).content,
  }
  reader.end()
  return { key, certificate: certificate ?? null }
}

function firstDirectoryName(names: DerReader): Buffer | null {
  let found: Buffer | null = null
  while (!names.done) {
    const { tag, content } = names.next()
    if (tag === DIRECTORY_NAME_TAG) found ??= content
  }
  return found
}

/** Whether it names this certificate of the issuer; where it names none, it does not matter which. */
export function isOfCertificate(
  { certificate }: AuthorityKeyIdentifier,
  issuer: { readonly issuer: Buffer; readonly serialNumber: string },
): boolean {
  if (!certificate) return true
  const serialNumber = integerContent(Buffer.from(issuer.serialNumber, 'hex'))
  const isNamed = certificate.issuer === null || certificate.issuer.equals(issuer.issuer)
  return isNamed && serialNumber.equals(certificate.serialNumber)
}
