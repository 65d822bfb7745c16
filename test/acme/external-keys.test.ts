import { describe, expect, test } from 'vitest'
import { newMacKey } from '../../src/acme/external-accounts.ts'
import { checkExternalNames } from '../../src/acme/external-names.ts'
import { readNamePattern } from '../../src/ca/policy/name-patterns.ts'
import { parseNameText } from '../../src/pki/names/normalise.ts'
import type { AcmeAccountRow } from '../../src/store/acme-queries.ts'

test('a MAC key is of 64 octets, and never looks like an option on a command line', () => {
  const keys = Array.from({ length: 500 }, () => newMacKey())
  expect(new Set(keys.map((key) => key.length))).toEqual(new Set([64]))
  for (const key of keys) expect(key.toString('base64url')).toMatch(/^[A-Za-z]/)
  expect(new Set(keys.map(String)).size).toBe(500)
})

describe('a name pattern', () => {
  test.each([
    ['Example.TEST', 'example.test'],
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['10.0.0.0/08', '10.0.0.0/8'],
    ['2001:DB8:0::/32', '2001:db8::/32'],
    ['192.0.2.1', '192.0.2.1'],
    ['2001:db8:0:0::1', '2001:db8::1'],
  ])('%s is kept as %s', (given, kept) => {
    expect(readNamePattern(given)).toBe(kept)
  })

  test.each([
    ['*.example.test', /without "\*\."/],
    ['.example.test', /./],
    ['10.0.0.0/33', /no network/],
    ['2001:db8::/129', /no network/],
    ['10.0.0/8', /no network/],
    ['a b', /./],
    ['', /./],
  ])('%j is refused, since it would allow nothing', (given, detail) => {
    expect(() => readNamePattern(given)).toThrow(
      expect.objectContaining({ code: 'badName', detail: expect.stringMatching(detail) }),
    )
  })
})

describe('a limit to names', () => {
  const account = (names: string[] | null) =>
    ({ external: { kid: 'k', profiles: null, names } }) as AcmeAccountRow
  const check = (names: string[], limit: string[] | null) =>
    checkExternalNames(names.map(parseNameText), account(limit))

  test.each([
    'dns:example.test',
    'dns:a.b.example.test',
    'dns:*.example.test',
    'ip:10.1.2.3',
    'ip:192.0.2.1',
    'ip:2001:db8::9',
  ])('lets %s pass', (name) => {
    expect(() => check([name], ['example.test', '10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])).not.toThrow()
  })

  test.each(['dns:badexample.test', 'dns:test', 'dns:*.other.test', 'ip:11.0.0.1', 'ip:192.0.2.2', 'ip:::1'])(
    'stops %s',
    (name) => {
      const limit = ['example.test', '10.0.0.0/8', '192.0.2.1', '2001:db8::/32']
      expect(() => check([name], limit)).toThrow(expect.objectContaining({ code: 'nameNotAllowed' }))
    },
  )

  test('that is not there lets all pass', () => {
    expect(() => check(['dns:anything.test', 'ip:192.0.2.2'], null)).not.toThrow()
    const free = { external: null } as AcmeAccountRow
    expect(() => checkExternalNames([parseNameText('dns:anything.test')], free)).not.toThrow()
  })

  test('names every fault', () => {
    try {
      check(['dns:a.test', 'dns:ok.example.test', 'dns:b.test'], ['example.test'])
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({ subproblems: [{ subject: 'dns:a.test' }, { subject: 'dns:b.test' }] })
    }
  })
})
