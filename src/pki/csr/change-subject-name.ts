import { DerReader } from '../der/read.ts'
import { TAG } from '../der/write.ts'
import { readGeneralNames } from '../names/general-names.ts'
import type { SubjectName } from '../names/san.ts'
import type { Attribute } from './attributes.ts'

const CHANGE_SUBJECT_NAME = '1.3.6.1.5.5.7.7.36'

/** The names that a re-enrolment wants instead of the old ones (RFC 6402 2.8), or null without the attribute. */
export function readChangeSubjectName(
  attributes: readonly Attribute[],
): { readonly subject: Buffer | null; readonly names: readonly SubjectName[] | null } | null {
  const found = attributes.find(({ oid }) => oid === CHANGE_SUBJECT_NAME)
  if (!found) return null
  const outer = new DerReader(found.values[0]!, 'CSR', 'malformedCsr')
  const reader = outer.enter()
  outer.end()
  const subject = reader.optional(TAG.sequence)?.bytes ?? null
  const names = reader.done ? null : readGeneralNames(reader.next().bytes, 'CSR', 'malformedCsr')
  reader.end()
  return { subject, names }
}
