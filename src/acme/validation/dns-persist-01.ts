import { createHash } from 'node:crypto'
import { epochSeconds, rfc3339 } from '../../clock.ts'
import { quoted } from '../../pki/names/quoted.ts'
import type { ValidationContext } from './context.ts'
import type { Deadline } from './deadline.ts'
import { noTxt, quotedList } from './dns-01.ts'
import { ValidationFailure } from './failure.ts'
import { type IssueValue, oneOf, parseIssueValue, valuesOf } from './issue-value.ts'
import type { Challenge } from './key-authorization.ts'

type PersistContext = Pick<
  ValidationContext,
  'resolver' | 'clock' | 'issuerDomains' | 'accountHashPrefix' | 'plainAccountUrls'
>

/** Parameters that mean something here; each may stand once (draft 9.3). */
const KNOWN = ['accounturi', 'policy', 'persistuntil']

/**
 * draft-ietf-acme-dns-persist-02: a TXT record that stays, names this CA and the account, and may allow a wildcard. Gives the
 * seconds since 1970 after which the record means nothing, which the authorization must not outlive (4.1); null without a limit.
 * Whether the account is deactivated is for the caller to know (4.2). Throws `ValidationFailure`.
 */
export async function validateDnsPersist01(
  challenge: Challenge,
  context: PersistContext,
  deadline: Deadline,
): Promise<number | null> {
  const name = `_validation-persist.${challenge.identifier.value}`
  const found = await context.resolver.txt(name, deadline)
  if (found.length === 0) throw noTxt(name)
  const records = found.flatMap((text) => {
    const record = parseIssueValue(text)
    return record && context.issuerDomains.includes(record.issuer) ? [{ text, record }] : []
  })
  if (records.length === 0) {
    throw new ValidationFailure(
      'unauthorized',
      `${name} has the TXT records ${quotedList(found)}, and one that begins with ${oneOf(context.issuerDomains)} was expected.`,
      'content',
    )
  }
  const uris = accountUris(challenge, context)
  const failures: ValidationFailure[] = []
  let best: number | null | undefined
  for (const { text, record } of records) {
    const verdict = judge(record, text, name, challenge, uris, context)
    if (verdict instanceof ValidationFailure) failures.push(verdict)
    else if (verdict === null || best === undefined || (best !== null && verdict > best)) best = verdict
    if (best === null) break
  }
  if (best === undefined) throw failures[0]
  return best
}

/** What this server's hashed account URIs begin with (draft 4.1): a place beside its accounts, told by the URL of any. */
export function accountHashPrefix(accountUrl: string): string {
  return new URL('../account-hash/', accountUrl).href
}

/** Until when the record holds, or why it does not. */
function judge(
  record: IssueValue,
  text: string,
  name: string,
  challenge: Challenge,
  uris: ReadonlySet<string>,
  { clock }: PersistContext,
): number | null | ValidationFailure {
  const fail = (type: 'malformed' | 'unauthorized', what: string) =>
    new ValidationFailure(type, `The TXT record ${quoted(text)} at ${name} ${what}.`, 'content')
  const twice = KNOWN.find((tag) => valuesOf(record, tag).length > 1)
  if (twice !== undefined) return fail('malformed', `has the parameter ${twice} twice`)
  const [uri] = valuesOf(record, 'accounturi')
  if (uri === undefined) return fail('malformed', 'has no accounturi')
  const [until] = valuesOf(record, 'persistuntil')
  if (until !== undefined && !/^\d{1,15}$/.test(until))
    return fail(
      'malformed',
      `has the persistUntil ${quoted(until)}, which is no number of seconds since 1970`,
    )
  if (!uris.has(uri)) {
    const [expected = 'none, since this server has no accountHashPrefix'] = uris
    return fail('unauthorized', `names an account by ${quoted(uri)}, and ${expected} was expected`)
  }
  if (until !== undefined && epochSeconds(clock()) > Number(until))
    return fail('unauthorized', `was good until ${rfc3339(Number(until))} only`)
  const [policy] = valuesOf(record, 'policy')
  // 4.1: without it the record is for the one name.
  if ((challenge.wildcard || challenge.subdomains) && policy?.toLowerCase() !== 'wildcard')
    return fail('unauthorized', 'allows no wildcard and no names below; it needs policy=wildcard for that')
  return until === undefined ? null : Number(until)
}

/**
 * What accounturi may be (draft 4.1, 4.2): for every key that the account has had, the current one first, the digest that is bound
 * to the name and the one that is not.
 */
function accountUris(
  { identifier, thumbprint, formerThumbprints = [], accountUrl }: Challenge,
  { accountHashPrefix, plainAccountUrls }: PersistContext,
): Set<string> {
  const hashed = [thumbprint, ...formerThumbprints].flatMap((key) =>
    [identifier.value, '*'].map((name) => {
      const hash = createHash('sha256')
      hash
        .update(Buffer.from([name.length]))
        .update(name)
        .update(key)
        .update(accountUrl)
      return `${accountHashPrefix}sha-256/${hash.digest('base64url')}`
    }),
  )
  return new Set([...(accountHashPrefix === null ? [] : hashed), ...(plainAccountUrls ? [accountUrl] : [])])
}
