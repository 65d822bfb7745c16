import type { Static, TObject } from 'typebox'
import type { IssuanceRequest } from '../../ca/request.ts'
import { parseDuration } from '../../config/duration.ts'
import { CaError } from '../../errors.ts'
import Type from '../../schema/build.ts'
import { readTime } from '../rfc3339.ts'
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

type Given = Static<TObject<typeof Wishes>> & { names?: WantedNames }

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

/** The JSON body; "malformedRequest" where wishes stand in the query too. */
export function refuseBoth<T>(body: T, query: object): T {
  if (Object.keys(query).length > 0) {
    throw new CaError(
      'malformedRequest',
      'With a JSON body every wish stands in the body: leave the query out.',
    )
  }
  return body
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
