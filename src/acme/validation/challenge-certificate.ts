import { EXTENSION, type Extension } from '../../pki/certificate/extensions.ts'
import { readExtensions } from '../../pki/certificate/parse.ts'
import { DerReader } from '../../pki/der/read.ts'
import { readGeneralNames } from '../../pki/names/general-names.ts'
import type { SubjectName } from '../../pki/names/san.ts'

const WHAT = 'certificate'
const VERSION = 0xa0
const INTEGER = 0x02
const SEQUENCE = 0x30
const EXTENSIONS = 0xa3

export interface ChallengeCertificate {
  /** DER Names. */
  readonly issuer: Buffer
  readonly subject: Buffer
  readonly extensions: readonly Extension[]
  /** Those of the subjectAltName. */
  readonly names: readonly SubjectName[]
}

/**
 * What counts in a certificate that answers tls-alpn-01 (RFC 8737 3). Apart from that, responders leave out what RFC 5280 wants:
 * pebble-challtestsrv's has no issuer, and is valid in the year 1. The certificate is thrown away, so only what is read here is
 * judged. `CaError` "malformedRequest" for what cannot be read.
 */
export function readChallengeCertificate(der: Uint8Array): ChallengeCertificate {
  const reader = new DerReader(der, WHAT).enter().enter()
  reader.optional(VERSION)
  reader.expect(INTEGER)
  reader.expect(SEQUENCE)
  const issuer = reader.expect(SEQUENCE).bytes
  reader.expect(SEQUENCE)
  const subject = reader.expect(SEQUENCE).bytes
  reader.expect(SEQUENCE)
  while (!reader.done && reader.tag !== EXTENSIONS) reader.next()
  const wrapper = reader.optional(EXTENSIONS)
  reader.end()
  const extensions = wrapper ? readExtensions(reader.into(wrapper)) : []
  const names = extensions.find(({ oid }) => oid === EXTENSION.subjectAltName)
  return {
    issuer,
    subject,
    extensions,
    names: names ? readGeneralNames(names.value, WHAT, 'malformedRequest') : [],
  }
}
