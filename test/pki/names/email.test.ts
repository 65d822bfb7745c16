import { describe, expect, it } from 'vitest'
import { normaliseName } from '../../../src/pki/names/normalise.ts'
import { expectRefusal } from '../refusal.ts'

const email = (value: string) => normaliseName('email', value).value

describe('e-mail addresses', () => {
  it.each([
    ['ada@example.test', 'ada@example.test'],
    ['Ada.Lovelace+x@EXAMPLE.test', 'Ada.Lovelace+x@example.test'],
    [`${'a'.repeat(64)}@example.test`, `${'a'.repeat(64)}@example.test`],
    ["o'brien@example.test", "o'brien@example.test"],
  ])('%s', (value, normal) => expect(email(value)).toBe(normal))

  it.each([
    ['ada', /no "@"/],
    ['@example.test', /before the "@"/],
    ['ada@', /empty/],
    ['.ada@example.test', /before the "@"/],
    ['ada..l@example.test', /before the "@"/],
    ['"ada l"@example.test', /before the "@"/],
    ['Ada <ada@example.test>', /before the "@"/],
    ['a@b@example.test', /before the "@"/],
    ['ada\0@example.test', /before the "@"/],
    ['ädä@example.test', /before the "@"/],
    [`${'a'.repeat(65)}@example.test`, /more than 64/],
    ['ada@*.example.test', /asterisk/],
    ['ada@example.test.', /dot/],
    ['ada@[10.0.0.1]', /character other than/],
    ['ada@10.0.0.1', /IP address/],
    ['ada@münchen.test', /xn--mnchen-3ya/],
    [`${'a'.repeat(64)}@${`${'b'.repeat(62)}.`.repeat(3)}test`, /longer than 254/],
  ])('%j is refused', (value, reason) => expectRefusal(() => email(value), 'badName', reason))
})
