import { CaError } from '../../errors.ts'
import { DerReader } from '../der/read.ts'
import type { Attribute } from './attributes.ts'

/** A reader over the only value of an attribute; null without the attribute. `malformedCsr` where it has several. */
export function singleValue(attributes: readonly Attribute[], oid: string, name: string): DerReader | null {
  const attribute = attributes.find((candidate) => candidate.oid === oid)
  if (!attribute) return null
  const [value] = attribute.values
  if (!value || attribute.values.length > 1) {
    throw new CaError('malformedCsr', `The CSR has the attribute ${name} with several values; it takes one.`)
  }
  return new DerReader(value, 'CSR', 'malformedCsr')
}
