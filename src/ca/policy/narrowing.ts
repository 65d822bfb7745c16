import { formatDuration } from '../../config/duration.ts'
import type { Profile } from '../../config/profile-schema.ts'
import { CaError } from '../../errors.ts'
import { nameText, type SubjectName } from '../../pki/names/san.ts'
import type { IssuanceRequest } from '../request.ts'

/** What an admin leaves of a request on approving it. Never more than was asked for. */
export interface Narrowing {
  /** Some of the names. */
  readonly names?: readonly SubjectName[] | undefined
  /** A shorter life: at most one of the two. Seconds, and seconds since 1970. */
  readonly validity?: number | undefined
  readonly notAfter?: number | undefined
}

/** Those of the names asked for that are left; "nameNotAllowed" if one would be added. */
export function narrowNames(
  asked: readonly SubjectName[],
  { narrowed }: Pick<IssuanceRequest, 'narrowed'>,
): readonly SubjectName[] {
  if (!narrowed?.names) return asked
  const known = new Set(asked.map(nameText))
  const added = narrowed.names.map(nameText).filter((name) => !known.has(name))
  if (added.length > 0) {
    throw new CaError(
      'nameNotAllowed',
      `An approval may leave names out, but these were not asked for: ${added.join(', ')}.`,
    )
  }
  const left = new Set(narrowed.names.map(nameText))
  return asked.filter((name) => left.has(nameText(name)))
}

type Life = Pick<IssuanceRequest, 'validity' | 'notBefore' | 'notAfter'>

/** The life that is left; "validityNotAllowed" if it would be longer. `now` in seconds. */
export function narrowLife(
  request: Life & Pick<IssuanceRequest, 'narrowed'>,
  profile: Profile,
  now: number,
): Life {
  const { validity, notAfter } = request.narrowed ?? {}
  if (validity === undefined && notAfter === undefined) return request
  const start = Math.max(now, request.notBefore ?? now)
  const asked = request.notAfter ?? start + (request.validity ?? profile.validity.default)
  if ((notAfter ?? start + validity!) > asked) {
    throw new CaError(
      'validityNotAllowed',
      `An approval may shorten the life that was asked for, which is ${formatDuration(Math.max(asked - start, 0))}, and not lengthen it.`,
    )
  }
  return { validity, notAfter, notBefore: request.notBefore }
}
