import { describe, expect, test } from 'vitest'
import type { Challenge } from '../../../src/acme/validation/key-authorization.ts'
import { validateChallenge } from '../../../src/acme/validation/validate.ts'
import { ACCOUNT_URL, challenge, contextOf, dnsFor, failureOf, NOW } from './setting.ts'

const AT = '_validation-persist.example.com'
const PREFIX = 'https://ca.example/account-hash/sha-256/'
/** draft-ietf-acme-dns-persist-02, 10.2. */
const BOUND = `${PREFIX}5SQm7n6tPh2-PlLbCKGnViTXX5z19SCN4cPGQHSk-kw`
const UNBOUND = `${PREFIX}NpDnSwUthQK8zCgFdefYxAdAVPnygMLbs9US6oO-5ug`
const SECONDS = NOW.getTime() / 1000

async function validate(
  records: readonly string[],
  more: Partial<Challenge> = {},
  options: Parameters<typeof contextOf>[1] = {},
) {
  // What a record has beyond 255 octets stands in strings of its own.
  const TXT = records.map((record) => record.match(/.{1,255}/gs) ?? [''])
  const dns = await dnsFor(records.length > 0 ? { [AT]: { TXT } } : {})
  const identifier = { type: 'dns', value: 'example.com' } as const
  return await validateChallenge(
    challenge('dns-persist-01', { identifier, ...more }),
    contextOf(dns, options),
  )
}

describe('a record', () => {
  test.each([
    ['bound to the name', `ca.example; accounturi=${BOUND}`],
    ['bound to no name', `ca.example; accounturi=${UNBOUND}`],
    ['without white space', `ca.example;accounturi=${BOUND}`],
    ['with white space everywhere', ` \tca.example\t ;  accounturi \t=  ${BOUND} `],
    ['in capitals', `CA.Example; AccountURI=${BOUND}`],
    ['with what nobody knows', `ca.example; future=1; accounturi=${BOUND}; x-y=; future=2`],
    ['with another policy', `ca.example; accounturi=${BOUND}; policy=other`],
    ['longer than one string', `ca.example; note=${'x'.repeat(300)}; accounturi=${BOUND}`],
  ])('%s is taken', async (_, record) => {
    expect(await validate([record])).toEqual({ until: null })
  })

  test('of this CA is found beside those of others and broken ones', async () => {
    await validate([
      'other.example; accounturi=https://other.example/1',
      'v=spf1 -all',
      'ca.example',
      `ca.example; accounturi=${BOUND}`,
    ])
  })

  test('of a second issuer domain is taken', async () => {
    await validate(
      [`second.example; accounturi=${BOUND}`],
      {},
      { issuerDomains: ['ca.example', 'second.example'] },
    )
  })

  test.each([
    ['no record', [], /^dns content: DNS has no TXT record for _validation-persist\.example\.com\.$/],
    [
      'another CA alone',
      [`other.example; accounturi=${BOUND}`],
      /^unauthorized content: .* begins with ca\.example was expected/,
    ],
    ['nobody', [`; accounturi=${BOUND}`], /^unauthorized content/],
    ['a domain below', [`x.ca.example; accounturi=${BOUND}`], /^unauthorized content/],
    ['an ending semicolon', [`ca.example; accounturi=${BOUND};`], /^unauthorized content/],
    ['no accounturi', ['ca.example'], /^malformed content: .* has no accounturi/],
    [
      'two of them',
      [`ca.example; accounturi=${BOUND}; accounturi=${BOUND}`],
      /has the parameter accounturi twice/,
    ],
    [
      'two policies',
      [`ca.example; accounturi=${BOUND}; policy=wildcard; policy=x`],
      /the parameter policy twice/,
    ],
    [
      'another account',
      [`ca.example; accounturi=${PREFIX}x`],
      /^unauthorized content: .* names an account by/,
    ],
    ['another case', [`ca.example; accounturi=${BOUND.toLowerCase()}`], /names an account by/],
    ['an unknown hash', [`ca.example; accounturi=${BOUND.replace('sha-256', 'md5')}`], /names an account by/],
    ['the plain account URL', [`ca.example; accounturi=${ACCOUNT_URL}`], /names an account by/],
    [
      'a date',
      [`ca.example; accounturi=${BOUND}; persistUntil=2027-01-01`],
      /^malformed content: .* no number of seconds/,
    ],
    ['a sign', [`ca.example; accounturi=${BOUND}; persistUntil=+1900000000`], /^malformed content/],
    ['an empty time', [`ca.example; accounturi=${BOUND}; persistUntil=`], /^malformed content/],
    [
      'a time that is over',
      [`ca.example; accounturi=${BOUND}; persistUntil=${SECONDS - 1}`],
      /^unauthorized content: .* was good until 2026-11-27T11:59:59Z only/,
    ],
  ])('with %s is not taken', async (_, records, expected) => {
    expect(await failureOf(validate(records))).toMatch(expected)
  })

  test('is not taken for another name', async () => {
    const dns = await dnsFor({
      '_validation-persist.example.net': { TXT: [`ca.example; accounturi=${BOUND}`] },
    })
    const identifier = { type: 'dns', value: 'example.net' } as const
    expect(
      await failureOf(validateChallenge(challenge('dns-persist-01', { identifier }), contextOf(dns))),
    ).toMatch('names an account by')
  })
})

describe('the account', () => {
  test('may have had the key before', async () => {
    const { thumbprint } = challenge('dns-persist-01')
    const record = `ca.example; accounturi=${BOUND}`
    expect(await failureOf(validate([record], { thumbprint: 'other' }))).toMatch('names an account by')
    await validate([record], { thumbprint: 'other', formerThumbprints: ['older', thumbprint] })
  })

  test('may be named by its URL where that is configured', async () => {
    await validate([`ca.example; accounturi=${ACCOUNT_URL}`], {}, { plainAccountUrls: true })
    await validate([`ca.example; accounturi=${BOUND}`], {}, { plainAccountUrls: true })
  })

  test('is not known without a prefix', async () => {
    expect(
      await failureOf(validate([`ca.example; accounturi=nullsha-256/x`], {}, { accountHashPrefix: null })),
    ).toMatch('this server has no accountHashPrefix')
  })
})

describe('a wildcard', () => {
  test.each(['wildcard', 'WildCard'])('is allowed by policy=%s', async (policy) => {
    await validate([`ca.example; accounturi=${BOUND}; policy=${policy}`], { wildcard: true })
  })

  test.each(['', '; policy=wildcards', '; policy='])('is not allowed by "%s"', async (policy) => {
    expect(
      await failureOf(validate([`ca.example; accounturi=${BOUND}${policy}`], { wildcard: true })),
    ).toMatch(/^unauthorized content: .* allows no wildcard/)
  })
})

describe('persistUntil', () => {
  test('is given, since the authorization ends with it', async () => {
    expect(await validate([`ca.example; accounturi=${BOUND}; persistUntil=${SECONDS}`])).toEqual({
      until: SECONDS,
    })
  })

  test('is that of the record that lasts longest', async () => {
    const record = (until: number) => `ca.example; accounturi=${BOUND}; persistUntil=${until}`
    expect(await validate([SECONDS + 5, SECONDS + 9, SECONDS + 7].map(record))).toEqual({
      until: SECONDS + 9,
    })
    expect(await validate([record(SECONDS + 5), `ca.example; accounturi=${UNBOUND}`])).toEqual({
      until: null,
    })
  })

  test('of a record that allows no wildcard does not count for one', async () => {
    const records = [
      `ca.example; accounturi=${BOUND}`,
      `ca.example; accounturi=${BOUND}; policy=wildcard; persistUntil=${SECONDS + 1}`,
    ]
    expect(await validate(records, { wildcard: true })).toEqual({ until: SECONDS + 1 })
  })
})
