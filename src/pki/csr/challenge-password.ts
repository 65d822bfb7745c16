import { CaError } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import { TAG } from '../der/write.ts'
import type { Attribute } from './attributes.ts'

const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7'

/** The text of the challengePassword attribute (RFC 2985 5.4.1), or null without one. `CaError` "malformedCsr". */
export function readChallengePassword(attributes: readonly Attribute[]): string | null {
  const found = attributes.find(({ oid }) => oid === CHALLENGE_PASSWORD)
  if (!found) return null
  const [value] = found.values
  const reader = new DerReader(value!, 'CSR', 'malformedCsr')
  const { tag, content } = reader.next()
  reader.end()
  const isText = tag === TAG.utf8String || tag === TAG.printableString || tag === TAG.ia5String
  if (!isText || found.values.length !== 1) {
    throw new CaError('malformedCsr', 'The CSR has a challengePassword that is no text.')
  }
  return content.toString('utf8')
}
