import { CaError } from '../../errors.ts'
import { EXTENSION } from '../certificate/extensions.ts'
import type { DerReader } from '../der/read.ts'
import { TAG } from '../der/write.ts'
import { readGeneralNames } from '../names/general-names.ts'
import { distinctNames, type SubjectName } from '../names/san.ts'
import type { Attribute } from './attributes.ts'
import { singleValue } from './single-value.ts'

export interface RequestedExtension {
  readonly oid: string
  readonly critical: boolean
  /** The content of the extnValue OCTET STRING: DER of the extension's own type, not looked at. */
  readonly value: Buffer
}

/** Honest requests have a handful. */
const MOST_EXTENSIONS = 64

export const EXTENSION_REQUEST = '1.2.840.113549.1.9.14'

/** What the extensionRequest attribute (RFC 2985 5.4.2) holds; empty without one. */
export function readRequestedExtensions(attributes: readonly Attribute[]): RequestedExtension[] {
  const outer = singleValue(attributes, EXTENSION_REQUEST, 'extensionRequest')
  if (!outer) return []
  // OpenSSL before 3 writes an empty list where its configuration names none, so one is read as "nothing asked for".
  const reader = outer.enter()
  const extensions: RequestedExtension[] = []
  const seen = new Set<string>()
  while (!reader.done) {
    if (extensions.length === MOST_EXTENSIONS) {
      throw new CaError(
        'malformedCsr',
        `The CSR asks for more than ${MOST_EXTENSIONS} extensions; the profile sets them, so leave them out.`,
      )
    }
    const extension = readExtension(reader.enter())
    // RFC 5280 4.2: no more than one instance of each.
    if (seen.has(extension.oid)) {
      throw new CaError('malformedCsr', `The CSR asks for the extension ${extension.oid} twice.`)
    }
    seen.add(extension.oid)
    extensions.push(extension)
  }
  return extensions
}

function readExtension(reader: DerReader): RequestedExtension {
  const oid = reader.oid()
  const flag = reader.tag === TAG.boolean
  const critical = flag && reader.boolean()
  // X.690 11.5
  if (flag && !critical) reader.fail('spells out a DEFAULT value')
  const value = reader.expect(TAG.octetString).content
  reader.end()
  return { oid, critical, value }
}

/** The names in the subjectAltName asked for, each once: clients that list the common name again are common. */
export function requestedNames(extensions: readonly RequestedExtension[]): SubjectName[] {
  const extension = extensions.find(({ oid }) => oid === EXTENSION.subjectAltName)
  if (!extension) return []
  return distinctNames(readGeneralNames(extension.value, 'CSR', 'malformedCsr'))
}
