import { fitsPattern } from '../ca/policy/name-patterns.ts'
import { CaError } from '../errors.ts'
import { nameText, type SubjectName } from '../pki/names/san.ts'
import type { AcmeAccountRow } from '../store/acme-queries.ts'

/** Refuses names that the account's external key leaves out; all at once, as policy does. */
export function checkExternalNames(names: readonly SubjectName[], { external }: AcmeAccountRow): void {
  const patterns = external?.names
  if (!patterns) return
  const outside = names.filter((name) => !patterns.some((pattern) => fitsPattern(name, pattern)))
  if (outside.length === 0) return
  const detail = `The account's external key allows other names: ${patterns.join(', ')}.`
  throw new CaError('nameNotAllowed', `${outside.map(nameText).join(', ')}: ${detail}`, {
    subproblems: outside.map((name) => ({ code: 'nameNotAllowed', subject: nameText(name), detail })),
  })
}
