import { CaError } from '../../errors.ts'
import type { DerReader, Element } from '../der/read.ts'
import { oid, TAG } from '../der/write.ts'
import { attributeOid } from '../distinguished-name.ts'
import { badName } from '../names/bad-name.ts'
import { directoryString } from './directory-string.ts'

const COMMON_NAME = oid(attributeOid('CN'))

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
      const text = commonName(value)
      // Istio and others send attributes that are there but empty.
      if (text !== '') found.push(text)
    }
  }
  return found
}

/** Refuses what no reader can be sure of, and control characters. */
function commonName(value: Element): string {
  const text = directoryString(value)
  if (text === undefined) {
    throw new CaError(
      'malformedCsr',
      'The CSR has a common name that its string type cannot hold; use UTF8String.',
    )
  }
  if (/\p{Cc}/u.test(text)) throw badName('common name', text, 'has a NUL or another control character')
  return text
}
