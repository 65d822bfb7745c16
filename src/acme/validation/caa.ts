import { quoted } from '../../pki/names/quoted.ts'
import type { AcmeIdentifier } from '../problem.ts'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { ValidationFailure } from './failure.ts'
import { type IssueValue, oneOf, parseIssueValue, valuesOf } from './issue-value.ts'
import type { ChallengeType } from './key-authorization.ts'
import type { CaaRecord } from './name-resolver.ts'

export interface CaaRequest {
  /** Without "*.". An address has no CAA records, and is always allowed (RFC 8738). */
  readonly identifier: AcmeIdentifier
  readonly wildcard: boolean
  readonly accountUrl: string
  /** By which method control over the name was proven (RFC 8657 4). */
  readonly method: ChallengeType
}

/** Properties that this server knows what to do about, even where that is nothing. */
const KNOWN = new Set(['issue', 'issuewild', 'iodef'])

/**
 * Whether CAA lets this CA issue for the name (RFC 8659), by this account and this method (RFC 8657). Throws `ValidationFailure`
 * "caa" where it does not, and "dns" where a server does not answer: who cannot be asked may have forbidden it. A name without any
 * record up to the root, or that no DNS knows, is allowed.
 */
export async function checkCaa(
  request: CaaRequest,
  { resolver, issuerDomains }: Pick<ValidationContext, 'resolver' | 'issuerDomains'>,
  deadline: Deadline,
): Promise<void> {
  if (request.identifier.type !== 'dns') return
  const labels = request.identifier.value.split('.')
  for (let at = 0; at < labels.length; at++) {
    const owner = labels.slice(at).join('.')
    const records = await resolver.caa(owner, deadline)
    if (records.length === 0) continue
    const why = refusal(records, request, issuerDomains)
    if (why === null) return
    throw new ValidationFailure('caa', `The CAA records of ${owner} do not allow it: ${why}.`, 'final')
  }
}

function refusal(
  records: readonly CaaRecord[],
  { wildcard, accountUrl, method }: CaaRequest,
  issuerDomains: readonly string[],
): string | null {
  // RFC 8659 4.5.
  const unknown = records.find(({ tag, critical }) => critical && !KNOWN.has(tag))
  if (unknown) return `the property ${quoted(unknown.tag)} is critical, and this server does not know it`
  const wild = records.filter(({ tag }) => tag === 'issuewild')
  // RFC 8659 4.3: issuewild counts for wildcards alone, and issue where there is none of it.
  const relevant = wildcard && wild.length > 0 ? wild : records.filter(({ tag }) => tag === 'issue')
  if (relevant.length === 0) return null
  const ours = relevant
    .map(({ value }) => parseIssueValue(value))
    .filter((value) => value !== null && issuerDomains.includes(value.issuer)) as IssueValue[]
  if (ours.length === 0) {
    const found = relevant.slice(0, 3).map(({ tag, value }) => `${tag} ${quoted(value)}`)
    return `they have ${found.join(', ')}, and ${oneOf(issuerDomains)} was expected`
  }
  const reasons = ours.map((value) => parametersRefuse(value, accountUrl, method))
  return reasons.includes(null) ? null : reasons.join('; ')
}

/** RFC 8657 3 and 4. A parameter that stands twice, or cannot be read, is met by nobody. */
function parametersRefuse(value: IssueValue, accountUrl: string, method: ChallengeType): string | null {
  const uris = valuesOf(value, 'accounturi')
  if (uris.length > 1) return 'accounturi stands twice'
  if (uris.length === 1 && uris[0] !== accountUrl)
    return `accounturi is ${quoted(uris[0]!)}, and ${accountUrl} was expected`
  const lists = valuesOf(value, 'validationmethods')
  if (lists.length > 1) return 'validationmethods stands twice'
  if (lists.length === 0) return null
  const methods = lists[0]!.split(',')
  if (!methods.every((one) => /^[A-Za-z0-9-]+$/.test(one)))
    return `validationmethods ${quoted(lists[0]!)} cannot be read`
  return methods.includes(method) ? null : `validationmethods ${quoted(lists[0]!)} has no ${method}`
}
