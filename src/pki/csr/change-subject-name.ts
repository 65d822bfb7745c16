import { TAG } from '../der/write.ts'
import { readGeneralNames } from '../names/general-names.ts'
import { distinctNames, type SubjectName } from '../names/san.ts'
import type { Attribute } from './attributes.ts'
import { readCommonNames } from './common-names.ts'
import { singleValue } from './single-value.ts'

/** What the new certificate shall have instead of the subject and the names of the old one. */
export interface SubjectChange {
  /** Name, a whole TLV; null: the subject stays. */
  readonly subject: Buffer | null
  /** The common names of that subject that are not empty, as text, not normalised. */
  readonly commonNames: readonly string[]
  /** Normalised, each once; null: the names stay. */
  readonly names: readonly SubjectName[] | null
}

const CHANGE_SUBJECT_NAME = '1.3.6.1.5.5.7.7.36'

/**
 * The ChangeSubjectName attribute (RFC 6402 2.8) of a CSR for re-enrolment (RFC 7030 4.2.2); null without it.
 * Errors: `malformedCsr`; `badName` for a name that cannot be certified.
 */
export function readChangeSubjectName(attributes: readonly Attribute[]): SubjectChange | null {
  const outer = singleValue(attributes, CHANGE_SUBJECT_NAME, 'ChangeSubjectName')
  if (!outer) return null
  const reader = outer.enter()
  outer.end()
  const first = reader.expect(TAG.sequence)
  // Both members are optional and a SEQUENCE each: only what is in them tells them apart. GeneralNames is never empty.
  const subject = first.content.length === 0 || first.content[0] === TAG.set ? first : null
  const names = subject ? reader.optional(TAG.sequence) : first
  reader.end()
  return {
    subject: subject?.bytes ?? null,
    commonNames: subject ? readCommonNames(reader.into(subject)) : [],
    names: names ? distinctNames(readGeneralNames(names.bytes, 'CSR', 'malformedCsr')) : null,
  }
}
