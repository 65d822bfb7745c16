import { createHash } from 'node:crypto'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { checkTxt } from './dns-01.ts'
import type { Challenge } from './key-authorization.ts'

/** RFC 4648 6, in lower case. */
const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567'

/**
 * draft-ietf-acme-dns-account-label-03: dns-01 at a name of the account's own, so that several can prove one name side by side.
 * Throws `ValidationFailure`.
 */
export function validateDnsAccount01(
  challenge: Challenge,
  context: Pick<ValidationContext, 'resolver'>,
  deadline: Deadline,
): Promise<void> {
  const { accountUrl, identifier } = challenge
  return checkTxt(
    `${accountLabel(accountUrl)}._acme-challenge.${identifier.value}`,
    challenge,
    context,
    deadline,
  )
}

/** "_" and the first 80 bits of the SHA-256 of the account's URL. */
function accountLabel(accountUrl: string): string {
  const bytes = createHash('sha256').update(accountUrl).digest().subarray(0, 10)
  const bits = BigInt(`0x${bytes.toString('hex')}`)
  const digits = Array.from({ length: 16 }, (_, at) => BASE32[Number((bits >> BigInt(75 - 5 * at)) & 31n)])
  return `_${digits.join('')}`
}
