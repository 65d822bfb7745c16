import { CaError } from '../../errors.ts'
import type { Attribute } from './attributes.ts'
import { directoryString } from './directory-string.ts'
import { singleValue } from './single-value.ts'

export const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7'
export const EST_IDENTITY_LINKING = '1.2.840.113549.1.9.16.2.58'

/** ub-challengePassword (RFC 2985 appendix A) and ub-aa-est-identity-linking (RFC 7894 A.1), in characters. */
const UPPER_BOUND = 255

/** The challengePassword (RFC 2985 5.4.1), which RFC 7030 3.5 uses for channel binding; null without one. `malformedCsr`. */
export function readChallengePassword(attributes: readonly Attribute[]): string | null {
  return readText(attributes, CHALLENGE_PASSWORD, 'challengePassword')
}

/** The estIdentityLinking (RFC 7894 3.3), channel binding by a name of its own; null without one. `malformedCsr`. */
export function readIdentityLinking(attributes: readonly Attribute[]): string | null {
  return readText(attributes, EST_IDENTITY_LINKING, 'estIdentityLinking')
}

function readText(attributes: readonly Attribute[], oid: string, name: string): string | null {
  const reader = singleValue(attributes, oid, name)
  if (!reader) return null
  const text = directoryString(reader.next())
  reader.end()
  const length = text === undefined ? 0 : [...text].length
  // It may be a secret, so the error does not quote it.
  if (text === undefined || length === 0 || length > UPPER_BOUND) {
    throw new CaError(
      'malformedCsr',
      `The CSR has a ${name} that is not a text of 1 to ${UPPER_BOUND} characters; use PrintableString or UTF8String.`,
    )
  }
  return text
}
