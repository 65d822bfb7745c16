import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { CaaRequest } from '../../../src/acme/validation/caa.ts'
import { validateCaa, validateChallenge } from '../../../src/acme/validation/validate.ts'
import type { Data, Zone } from './dns-server.ts'
import { ACCOUNT_URL, challenge, contextOf, dnsFor, failureOf, KEY_AUTHORIZATION, NAME } from './setting.ts'

async function check(
  zone: Zone,
  more: Partial<CaaRequest> = {},
  options: Parameters<typeof contextOf>[1] = {},
) {
  const dns = await dnsFor(zone)
  const request: CaaRequest = {
    identifier: { type: 'dns', value: NAME },
    wildcard: false,
    accountUrl: ACCOUNT_URL,
    method: 'http-01',
    ...more,
  }
  await validateCaa(request, contextOf(dns, { caa: true, ...options }))
  return dns.queries.filter((query) => query.includes(' CAA '))
}

function at(name: string, ...CAA: readonly Data[]): Zone {
  return { [name]: { CAA } }
}

const issue = (value: string): Data => [0, 'issue', value]
const issuewild = (value: string): Data => [0, 'issuewild', value]

describe('issue', () => {
  test.each([
    ['this CA', [issue('ca.example')]],
    ['this CA in capitals', [[0, 'ISSUE', 'CA.Example']]],
    ['this CA with white space', [issue(' ca.example ; ')]],
    ['this CA beside another', [issue('other.example'), issue('ca.example')]],
    ['this CA with what nobody knows', [issue('ca.example; policy=ev; x=1')]],
    ['this CA, critical', [[128, 'issue', 'ca.example']]],
    ['nothing but where to report', [[0, 'iodef', 'mailto:security@example.test']]],
    ['nothing but what is unknown', [[0, 'future', 'x']]],
    ['other flags', [[1, 'future', 'x']]],
    ['wildcards of another alone', [issuewild('other.example')]],
    ['no wildcards at all', [issue('ca.example'), issuewild(';')]],
  ] as [string, Data[]][])('allows with %s', async (_, records) => {
    await check(at(NAME, ...records))
  })

  test.each([
    ['another CA', [issue('other.example')], 'they have issue "other.example", and ca.example was expected'],
    ['nobody', [issue(';')], 'issue ";"'],
    ['a domain below', [issue('x.ca.example')], 'x.ca.example'],
    ['a domain above', [issue('example')], 'issue "example"'],
    ['a dot at its end', [issue('ca.example.')], 'ca.example.'],
    ['what cannot be read', [issue('ca.example; %%%')], '%%%'],
    ['a parameter without a value', [issue('ca.example; policy')], 'policy'],
    [
      'what is unknown and critical',
      [issue('ca.example'), [128, 'future', 'x']],
      'the property "future" is critical',
    ],
    ['"type", critical', [issue('ca.example'), [128, 'type', 'CAA']], 'the property "" is critical'],
    ['the tag "critical"', [issue('ca.example'), [0, 'critical', 'x']], 'is critical'],
  ] as [string, Data[], string][])('refuses with %s', async (_, records, expected) => {
    const failure = await failureOf(check(at(NAME, ...records)))
    expect(failure).toMatch(/^caa final: The CAA records of web\.example\.test do not allow it: /)
    expect(failure).toContain(expected)
  })

  test('refuses with an empty value, which Node cannot read', async () => {
    expect(await failureOf(check(at(NAME, issue(''))))).toMatch(
      /^dns unreachable: .* the answer cannot be read/,
    )
  })

  test('takes any of the configured domains', async () => {
    await check(at(NAME, issue('second.example')), {}, { issuerDomains: ['ca.example', 'second.example'] })
  })
})

describe('issuewild', () => {
  const wildcard = { wildcard: true }

  test('counts for wildcards before issue does', async () => {
    await check(at(NAME, issue('other.example'), issuewild('ca.example')), wildcard)
    expect(await failureOf(check(at(NAME, issue('ca.example'), issuewild(';')), wildcard))).toMatch(
      'issuewild ";"',
    )
  })

  test('leaves wildcards to issue where there is none', async () => {
    await check(at(NAME, issue('ca.example')), wildcard)
    expect(await failureOf(check(at(NAME, issue('other.example')), wildcard))).toMatch(/^caa /)
  })

  test('does not count for names', async () => {
    expect(await failureOf(check(at(NAME, issue('other.example'), issuewild('ca.example'))))).toMatch(/^caa /)
  })
})

describe('accounturi', () => {
  test('allows the account that it names', async () => {
    await check(at(NAME, issue(`ca.example; accounturi=${ACCOUNT_URL}`)))
    await check(at(NAME, issue(`ca.example; AccountURI=${ACCOUNT_URL}`)))
  })

  test.each([
    [`ca.example; accounturi=${ACCOUNT_URL}4`, 'and https://ca.example/acct/123 was expected'],
    [`ca.example; accounturi=${ACCOUNT_URL.toUpperCase()}`, 'was expected'],
    ['ca.example; accounturi=', 'accounturi is ""'],
    [`ca.example; accounturi=${ACCOUNT_URL}; accounturi=${ACCOUNT_URL}`, 'accounturi stands twice'],
  ])('refuses by "%s"', async (value, expected) => {
    expect(await failureOf(check(at(NAME, issue(value))))).toContain(expected)
  })

  test('of one record does not bind another', async () => {
    await check(at(NAME, issue('ca.example; accounturi=https://ca.example/acct/9'), issue('ca.example')))
  })
})

describe('validationmethods', () => {
  test.each(['http-01', 'dns-01,http-01', 'ca-own,http-01'])('allows by "%s"', async (methods) => {
    await check(at(NAME, issue(`ca.example; validationmethods=${methods}`)))
  })

  test.each([
    ['dns-01', 'has no http-01'],
    ['HTTP-01', 'has no http-01'],
    ['', 'cannot be read'],
    ['http-01,', 'cannot be read'],
    ['http_01', 'cannot be read'],
  ])('refuses by "%s"', async (methods, expected) => {
    expect(await failureOf(check(at(NAME, issue(`ca.example; validationmethods=${methods}`))))).toContain(
      expected,
    )
  })

  test('stands once', async () => {
    const value = 'ca.example; validationmethods=http-01; validationmethods=http-01'
    expect(await failureOf(check(at(NAME, issue(value))))).toContain('validationmethods stands twice')
  })

  test('counts together with accounturi', async () => {
    const both = (url: string, method: string) =>
      issue(`ca.example; accounturi=${url}; validationmethods=${method}`)
    await check(at(NAME, both(ACCOUNT_URL, 'http-01')))
    expect(await failureOf(check(at(NAME, both(ACCOUNT_URL, 'dns-01'))))).toMatch(/^caa /)
    expect(await failureOf(check(at(NAME, both('https://ca.example/acct/9', 'http-01'))))).toMatch(/^caa /)
  })
})

describe('the tree', () => {
  test('is climbed to the top, and a name that no DNS knows is allowed', async () => {
    expect(await check({})).toEqual(['udp CAA web.example.test', 'udp CAA example.test', 'udp CAA test'])
  })

  test('is climbed to the first records, and no further', async () => {
    const zone = { ...at('example.test', issue('ca.example')), ...at('test', issue(';')) }
    expect(await check(zone)).toEqual(['udp CAA web.example.test', 'udp CAA example.test'])
    const other = at('test', issue('other.example'))
    expect(await failureOf(check(other))).toMatch('The CAA records of test do not allow it')
  })

  test('has the records of an alias, and goes on above the name, not above the alias', async () => {
    const alias: Zone = { [NAME]: { CNAME: ['host.other.test'] } }
    const refusing = at('host.other.test', issue('other.example'))
    expect(await failureOf(check({ ...alias, ...refusing }))).toMatch(/^caa /)
    await check({
      ...alias,
      'host.other.test': { A: ['127.0.0.1'] },
      ...at('other.test', issue(';')),
      ...at('example.test', issue('ca.example')),
    })
  })

  test.each(['SERVFAIL', 'REFUSED'] as const)('that cannot be asked (%s) refuses', async (fault) => {
    expect(await failureOf(check({ 'example.test': fault }))).toMatch(
      /^dns unreachable: DNS fails for example\.test/,
    )
  })

  test('that is silent refuses', async () => {
    expect(await failureOf(check({ 'example.test': 'silence' }, {}, { timeout: 0.3 }))).toBe(
      'dns unreachable: DNS did not answer for example.test within 0.3 seconds.',
    )
  })

  test('is climbed by the second DNS server where the first is down, though each question waits for that', async () => {
    const down = await dnsFor({ [NAME]: 'silence', 'example.test': 'silence', test: 'silence' })
    const up = await dnsFor({})
    await check({}, {}, { resolvers: [down.address, up.address], timeout: 6 })
    expect(down.queries).toContain('udp CAA test')
  })

  test('is not asked about addresses, nor where CAA is off', async () => {
    expect(await check({}, { identifier: { type: 'ip', value: '10.0.0.1' } })).toEqual([])
    expect(await check(at(NAME, issue(';')), {}, { caa: false })).toEqual([])
  })

  test('is asked over TCP where the answer is long', async () => {
    const many = Array.from({ length: 30 }, (_, number) => issue(`ca${number}.other.example`))
    const queries = await check(at(NAME, ...many, issue('ca.example')))
    expect(queries).toEqual([`udp CAA ${NAME}`, `tcp CAA ${NAME}`])
  })
})

test('a challenge that is met fails for CAA', async () => {
  const TXT = [createHash('sha256').update(KEY_AUTHORIZATION).digest('base64url')]
  const zone: Zone = { [`_acme-challenge.${NAME}`]: { TXT } }
  const method = at('example.test', issue('ca.example; validationmethods=http-01'))
  const dns = await dnsFor({ ...zone, ...method })
  await validateChallenge(challenge('dns-01'), contextOf(dns))
  expect(await failureOf(validateChallenge(challenge('dns-01'), contextOf(dns, { caa: true })))).toMatch(
    'validationmethods "http-01" has no dns-01',
  )
})
