import { quoted } from '../../pki/names/quoted.ts'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { ValidationFailure } from './failure.ts'
import { type Challenge, keyAuthorizationHash } from './key-authorization.ts'

/** Records that an error quotes; there may be hundreds. */
const MOST_SHOWN = 3

/** RFC 8555 8.4. Throws `ValidationFailure`. */
export function validateDns01(
  challenge: Challenge,
  context: Pick<ValidationContext, 'resolver'>,
  deadline: Deadline,
): Promise<void> {
  return checkTxt(`_acme-challenge.${challenge.identifier.value}`, challenge, context, deadline)
}

/** One of the TXT records at the name must be the digest of the key authorization. */
export async function checkTxt(
  name: string,
  challenge: Challenge,
  { resolver }: Pick<ValidationContext, 'resolver'>,
  deadline: Deadline,
): Promise<void> {
  const expected = keyAuthorizationHash(challenge).toString('base64url')
  const found = await resolver.txt(name, deadline)
  if (found.length === 0) throw noTxt(name)
  if (found.includes(expected)) return
  throw new ValidationFailure(
    'incorrectResponse',
    `${name} has the TXT records ${quotedList(found)}, and ${quoted(expected)} was expected.`,
    'content',
  )
}

export function noTxt(name: string): ValidationFailure {
  return new ValidationFailure('dns', `DNS has no TXT record for ${name}.`, 'content')
}

/** The first of the records. */
export function quotedList(texts: readonly string[]): string {
  const more = texts.length > MOST_SHOWN ? ` and ${texts.length - MOST_SHOWN} more` : ''
  return texts.slice(0, MOST_SHOWN).map(quoted).join(', ') + more
}
