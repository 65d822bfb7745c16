import { expect, test } from 'vitest'
import { rfc3339 } from '../src/clock.ts'

test.for([
  [0, '1970-01-01T00:00:00Z'],
  [253_402_300_799, '9999-12-31T23:59:59Z'],
  [253_402_300_800, '9999-12-31T23:59:59Z'],
  [Number.MAX_SAFE_INTEGER, '9999-12-31T23:59:59Z'],
  [-62_167_219_201, '0000-01-01T00:00:00Z'],
  [Number.MIN_SAFE_INTEGER, '0000-01-01T00:00:00Z'],
] as const)('%d seconds read as %s', ([seconds, text]) => {
  expect(rfc3339(seconds)).toBe(text)
})
