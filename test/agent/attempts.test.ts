import { expect, test } from 'vitest'
import { Attempts } from '../../src/agent/attempts.ts'
import { ServiceError } from '../../src/client/service-error.ts'

const NOW = 1_800_000_000_000
const timing = (chance: number) => ({
  clock: () => new Date(NOW),
  random: () => chance,
  sleep: async () => {},
})
const HOUR = 3_600_000
const waitsOf = (chance: number, error: unknown = new Error('no')) => {
  const attempts = new Attempts()
  return Array.from({ length: 14 }, () => {
    attempts.fail(error, HOUR, timing(chance))
    return attempts.notBefore - NOW
  })
}

test('each wait is at random below a bound that doubles, as far as it may', () => {
  expect(waitsOf(0.5).slice(0, 4)).toEqual([2000, 4000, 8000, 16_000])
  expect(waitsOf(0.5).at(-1)).toBe(HOUR / 2)
  expect(Math.max(...waitsOf(0.999))).toBeLessThan(HOUR)
  expect(new Set(waitsOf(0))).toEqual(new Set([1000]))
})

test('a Retry-After is waited for, though not for ever, and the jitter comes on top', () => {
  const refused = (retryAfter: number) => new ServiceError('refused', 'busy', { status: 503, retryAfter })
  expect(waitsOf(0.5, refused(120))[0]).toBe(122_000)
  expect(waitsOf(0.5, refused(10_000_000))[0]).toBe(24 * HOUR + 2000)
})

test('success ends the row, and the total stays', () => {
  const attempts = new Attempts()
  attempts.fail(new Error('no'), HOUR, timing(0.5))
  attempts.succeed()
  expect(attempts).toMatchObject({ failures: 0, failed: 1, lastError: null, notBefore: 0 })
})
