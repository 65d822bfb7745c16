import { createHash } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { validateChallenge } from '../../../src/acme/validation/validate.ts'
import type { Zone } from './dns-server.ts'
import { ACCOUNT_URL, challenge, contextOf, dnsFor, failureOf, KEY_AUTHORIZATION, NAME } from './setting.ts'

const DIGEST = createHash('sha256').update(KEY_AUTHORIZATION).digest('base64url')
const AT = `_acme-challenge.${NAME}`

async function validate(zone: Zone, options: Parameters<typeof dnsFor>[1] = {}) {
  const dns = await dnsFor(zone, options)
  await validateChallenge(challenge('dns-01'), contextOf(dns))
  return dns.queries
}

describe('dns-01', () => {
  test('takes one of several records', async () => {
    await validate({ [AT]: { TXT: ['other', DIGEST, 'v=spf1 -all'] } })
  })

  test('joins the strings of a record', async () => {
    await validate({ [AT]: { TXT: [[DIGEST.slice(0, 10), DIGEST.slice(10, 11), '', DIGEST.slice(11)]] } })
  })

  test('takes no two records for one', async () => {
    const failure = await failureOf(validate({ [AT]: { TXT: [DIGEST.slice(0, 10), DIGEST.slice(10)] } }))
    expect(failure).toBe(
      `incorrectResponse content: ${AT} has the TXT records "${DIGEST.slice(0, 10)}", "${DIGEST.slice(10)}", and "${DIGEST}" was expected.`,
    )
  })

  test('proves wildcards at the name itself', async () => {
    const dns = await dnsFor({ [AT]: { TXT: [DIGEST] } })
    expect(await validateChallenge(challenge('dns-01', { wildcard: true }), contextOf(dns))).toEqual({
      until: null,
    })
  })

  test('asks over TCP what is truncated over UDP', async () => {
    const many = Array.from({ length: 40 }, (_, at) => `${at}-${'x'.repeat(60)}`)
    const queries = await validate({ [AT]: { TXT: [...many, DIGEST] } })
    expect(queries).toEqual([`udp TXT ${AT}`, `tcp TXT ${AT}`])
  })

  test.each([true, false])('follows aliases (alone in the answer: %s)', async (bareAliases) => {
    const zone: Zone = {
      [AT]: { CNAME: ['a.other.test'] },
      'a.other.test': { CNAME: ['B.Other.test'] },
      'b.other.test': { TXT: [DIGEST] },
    }
    await validate(zone, { bareAliases })
  })

  test('follows ten aliases, and not eleven', async () => {
    const chain = (length: number): Zone => {
      const names = [AT, ...Array.from({ length }, (_, at) => `a${at}.other.test`)]
      const aliases = names.slice(0, -1).map((name, at) => [name, { CNAME: [names[at + 1]!] }])
      return { ...Object.fromEntries(aliases), [names.at(-1)!]: { TXT: [DIGEST] } }
    }
    await validate(chain(10))
    expect(await failureOf(validate(chain(11)))).toBe(
      `dns final: More than 10 CNAMEs stand one behind another at ${AT}.`,
    )
  })

  test('refuses aliases in a circle', async () => {
    const zone: Zone = { [AT]: { CNAME: ['a.other.test'] }, 'a.other.test': { CNAME: [AT.toUpperCase()] } }
    expect(await failureOf(validate(zone))).toBe(`dns final: The CNAMEs of ${AT} go in a circle.`)
  })

  test('finds nothing behind an alias that leads nowhere', async () => {
    expect(await failureOf(validate({ [AT]: { CNAME: ['gone.other.test'] } }))).toBe(
      `dns content: DNS has no TXT record for ${AT}.`,
    )
  })

  test('keeps no answer: a record that comes later is found', async () => {
    const dns = await dnsFor({ [AT]: { TXT: (count) => [count === 1 ? 'early' : DIGEST] } })
    const context = contextOf(dns)
    expect(await failureOf(validateChallenge(challenge('dns-01'), context))).toMatch('"early"')
    await validateChallenge(challenge('dns-01'), context)
  })

  test.each([
    ['no name', {}, `dns content: DNS has no TXT record for ${AT}.`],
    ['no record', { [AT]: { A: ['127.0.0.1'] } }, `dns content: DNS has no TXT record for ${AT}.`],
    [
      'SERVFAIL',
      { [AT]: 'SERVFAIL' },
      `dns unreachable: DNS fails for ${AT}: the server says that it failed (SERVFAIL).`,
    ],
    [
      'REFUSED',
      { [AT]: 'REFUSED' },
      `dns unreachable: DNS fails for ${AT}: the server refuses to answer (REFUSED).`,
    ],
  ] as const)('fails for %s', async (_, zone, expected) => {
    expect(await failureOf(validate(zone as Zone))).toBe(expected)
  })

  test('fails where the server is silent, and in time', async () => {
    const dns = await dnsFor({ [AT]: 'silence' })
    expect(await failureOf(validateChallenge(challenge('dns-01'), contextOf(dns, { timeout: 0.2 })))).toBe(
      `dns unreachable: DNS did not answer for ${AT} within 0.2 seconds.`,
    )
  })

  test('quotes few records, in print', async () => {
    const failure = await failureOf(
      validate({ [AT]: { TXT: ['\u0000\n', 'x'.repeat(200), ...Array(20).fill('more')] } }),
    )
    expect(failure).toMatch(/has the TXT records "\\u0000\\n", "x{100}\.\.\.", "more" and 19 more, and/)
  })

  test('asks the second server where the first is silent', async () => {
    const silent = await dnsFor({ [AT]: 'silence' })
    const dns = await dnsFor({ [AT]: { TXT: [DIGEST] } })
    await validateChallenge(
      challenge('dns-01'),
      contextOf(dns, { resolvers: [silent.address, dns.address], timeout: 2 }),
    )
  })

  test('closes its TCP connections on abort', async () => {
    const many = Array.from({ length: 40 }, (_, at) => `${at}-${'x'.repeat(60)}`)
    // Truncated over UDP, and never answered over TCP.
    const dns = await dnsFor({ [AT]: { TXT: many } }, { silentTcp: true })
    const controller = new AbortController()
    const running = validateChallenge(challenge('dns-01'), contextOf(dns), controller.signal)
    await expect.poll(() => dns.connections.size).toBe(1)
    const reason = new Error('shutting down')
    controller.abort(reason)
    await expect(running).rejects.toBe(reason)
    await expect.poll(() => dns.connections.size).toBe(0)
  })

  test('cannot prove an address', async () => {
    const dns = await dnsFor({})
    const identifier = { type: 'ip', value: '127.0.0.1' } as const
    expect(await failureOf(validateChallenge(challenge('dns-01', { identifier }), contextOf(dns)))).toBe(
      'malformed final: dns-01 cannot prove 127.0.0.1.',
    )
  })
})

describe('dns-account-01', () => {
  test('has the name that the draft and clients compute', async () => {
    // What clients document for this account.
    const accountUrl = 'https://example.com/acme/acct/ExampleAccount'
    const dns = await dnsFor({ [`_ujmmovf2vn55tgye._acme-challenge.${NAME}`]: { TXT: [DIGEST] } })
    await validateChallenge(challenge('dns-account-01', { accountUrl }), contextOf(dns))
    await validateChallenge(challenge('dns-account-01', { accountUrl, wildcard: true }), contextOf(dns))
  })

  test('does not take the record of dns-01, or of another account', async () => {
    const dns = await dnsFor({
      [AT]: { TXT: [DIGEST] },
      [`_ujmmovf2vn55tgye.${AT}`]: { TXT: [DIGEST] },
    })
    expect(
      await failureOf(
        validateChallenge(challenge('dns-account-01', { accountUrl: ACCOUNT_URL }), contextOf(dns)),
      ),
    ).toMatch(/^dns content: DNS has no TXT record for _[a-z2-7]{16}\._acme-challenge\.web\.example\.test\.$/)
  })
})
