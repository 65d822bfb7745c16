import Type, { type Static } from 'typebox'
import type { IssuanceRequest } from '../../ca/request.ts'
import { parseDuration } from '../../config/duration.ts'
import { CaError } from '../../errors.ts'
import { Duration, readNames, Time, WantedNames } from './schemas.ts'

/** What a caller may ask for beside the key: in the JSON body, or in the query where the body is a bare CSR. */
export const Wishes = {
  profile: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 63,
      description: 'The default profile, or the token’s, if absent.',
    }),
  ),
  authority: Type.Optional(
    Type.String({ minLength: 1, maxLength: 63, description: 'The default authority if absent.' }),
  ),
  validity: Type.Optional(Duration),
  notAfter: Type.Optional(Time),
}

export const NamedWishes = { ...Wishes, names: Type.Optional(WantedNames) }

type Given = Static<Type.TObject<typeof Wishes>> & { names?: WantedNames }

export function readWishes(
  given: Given,
): Pick<IssuanceRequest, 'profile' | 'authority' | 'validity' | 'notAfter' | 'names'> {
  return {
    profile: given.profile,
    authority: given.authority,
    validity: given.validity === undefined ? undefined : parseDuration(given.validity),
    notAfter: given.notAfter === undefined ? undefined : readTime(given.notAfter),
    names: given.names && readNames(given.names),
  }
}

/** The last second that certificates and CRLs can say (RFC 5280 4.1.2.5.2). */
const LAST_SECOND = Date.parse('9999-12-31T23:59:59Z') / 1000

/** Seconds since 1970 of an RFC 3339 time, which must be of the years 1970 to 9999 in UTC: an offset can lead out of them. */
export function readTime(text: string): number {
  const milliseconds = Date.parse(text)
  if (Number.isNaN(milliseconds)) throw new CaError('malformedRequest', `"${text}" is not an RFC 3339 time.`)
  const seconds = Math.floor(milliseconds / 1000)
  if (seconds < 0 || seconds > LAST_SECOND) {
    throw new CaError('malformedRequest', `"${text}" is not a time of the years 1970 to 9999 in UTC.`)
  }
  return seconds
}

const KEY = /^[\x21-\x7e]{1,255}$/

/** The Idempotency-Key header, if there is one. */
export function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined
  if (typeof header !== 'string' || !KEY.test(header)) {
    throw new CaError(
      'malformedRequest',
      'An Idempotency-Key is 1 to 255 visible ASCII characters, and stands once.',
    )
  }
  return header
}
