import { CaError } from '../../errors.ts'
import type { DerReader } from '../der/read.ts'
import { TAG } from '../der/write.ts'

export interface Attribute {
  readonly oid: string
  /** Whole TLVs, one at least. */
  readonly values: readonly Buffer[]
}

/** Honest requests have one or two. */
const MOST_ATTRIBUTES = 64

/**
 * Attributes (RFC 2986 4.1), the content of [0]. The order that DER wants of a SET OF is not asked for: common
 * clients do not keep it, and no byte of this is ever copied into a certificate.
 */
export function readAttributes(reader: DerReader): Attribute[] {
  const attributes: Attribute[] = []
  const seen = new Set<string>()
  while (!reader.done) {
    if (attributes.length === MOST_ATTRIBUTES) {
      throw new CaError(
        'malformedCsr',
        `The CSR has more than ${MOST_ATTRIBUTES} attributes; leave out all but the extensionRequest.`,
      )
    }
    const attribute = reader.enter()
    const oid = attribute.oid()
    const set = attribute.enter(TAG.set)
    attribute.end()
    const values: Buffer[] = []
    while (!set.done) values.push(set.next().bytes)
    if (values.length === 0) set.fail('has an attribute without a value')
    // Of two, one reader would take the first and another the last.
    if (seen.has(oid)) throw new CaError('malformedCsr', `The CSR has the attribute ${oid} twice.`)
    seen.add(oid)
    attributes.push({ oid, values })
  }
  return attributes
}
