import { expect, test } from 'vitest'
import { siteOf } from '../../src/acme/accounts.ts'

test.each([
  ['2001:db8::1', '2001:db8:0:0:ffff::2', true],
  ['2001:db8::1', '2001:db8:0:1::1', false],
  ['fe80::1%eth0', 'fe80::2', true],
  ['::ffff:192.0.2.1', '192.0.2.1', true],
  ['::ffff:192.0.2.1', '::ffff:192.0.2.2', false],
  ['192.0.2.1', '192.0.2.2', false],
])('%s and %s are limited as one: %s', (one, other, same) => {
  expect(siteOf(one) === siteOf(other)).toBe(same)
})
