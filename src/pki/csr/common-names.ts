import { CaError } from '../../errors.ts'
import type { DerReader, Element } from '../der/read.ts'
import { oid, TAG } from '../der/write.ts'
import { badName } from '../names/bad-name.ts'

const COMMON_NAME = oid('2.5.4.3')

/** Honest subjects have fewer than ten attributes. */
const MOST_ATTRIBUTES = 64

/** Texts of the common names in a Name (RFC 5280 4.1.2.4), the content of its SEQUENCE; empty ones are left out. */
export function readCommonNames(reader: DerReader): string[] {
  const found: string[] = []
  let attributes = 0
  while (!reader.done) {
    const set = reader.enter(TAG.set)
    if (set.done) set.fail('has a relative distinguished name without an attribute')
    while (!set.done) {
      if (++attributes > MOST_ATTRIBUTES) {
        throw new CaError('malformedCsr', `The CSR has a subject of more than ${MOST_ATTRIBUTES} attributes.`)
      }
      const attribute = set.enter()
      const type = attribute.expect(TAG.oid)
      const value = attribute.next()
      attribute.end()
      if (!type.bytes.equals(COMMON_NAME)) continue
      const text = directoryString(value)
      // Istio and others send attributes that are there but empty.
      if (text !== '') found.push(text)
    }
  }
  return found
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Text of a DirectoryString, one meaning each: what some readers take for Latin-1 and others for T.61 is refused. */
function directoryString({ tag, content }: Element): string {
  const text = decode(tag, content)
  if (text === undefined) {
    throw new CaError(
      'malformedCsr',
      'The CSR has a common name that its string type cannot hold; use UTF8String.',
    )
  }
  if (/\p{Cc}/u.test(text)) throw badName('common name', text, 'has a NUL or another control character')
  return text
}

function decode(tag: number, content: Buffer): string | undefined {
  switch (tag) {
    case TAG.utf8String:
      try {
        return utf8.decode(content)
      } catch {
        return undefined
      }
    // Wider than PrintableString's alphabet: old clients put "*" and "@" of names into it.
    case TAG.printableString:
    case TAG.t61String:
    case TAG.ia5String:
      return content.every((octet) => octet < 0x80) ? content.toString('latin1') : undefined
    case TAG.bmpString: {
      if (content.length % 2) return undefined
      const text = Buffer.from(content).swap16().toString('utf16le')
      // The Basic Multilingual Plane has no surrogates.
      return /[\ud800-\udfff]/.test(text) ? undefined : text
    }
    default:
      return undefined
  }
}
