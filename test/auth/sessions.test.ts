import { expect, test } from 'vitest'
import { Sessions } from '../../src/auth/sessions.ts'

const START = Date.parse('2026-11-28T12:00:00Z')
const MINUTE = 60_000
const YEAR = 365 * 24 * 60 * MINUTE
const ADA = {
  name: 'ada',
  holder: 'admin:ada',
  credential: { kind: 'adminKey', hash: Buffer.alloc(32) },
} as const

function sessions() {
  const time = { now: START }
  return { time, held: new Sessions({ clock: () => new Date(time.now), idle: 1800, vouched: 3600 }) }
}

test('a session ends when it was not used for long, and a use begins that time anew', () => {
  const { time, held } = sessions()
  const { secret } = held.open(ADA)
  time.now += 20 * MINUTE
  held.use(secret)
  time.now += 20 * MINUTE
  expect(held.find(secret)).not.toBeNull()
  time.now += 10 * MINUTE
  expect(held.find(secret)).toBeNull()
})

test('a session from a clock that was a year ahead ends when that is set right', () => {
  const { time, held } = sessions()
  time.now += YEAR
  const { secret } = held.open(ADA)
  time.now -= YEAR
  expect(held.find(secret)).toBeNull()
  held.use(secret)
  expect(held.find(secret)).toBeNull()
})

test('a clock that is set back a little ends no session', () => {
  const { time, held } = sessions()
  const { secret } = held.open(ADA)
  time.now -= 2 * MINUTE
  expect(held.find(secret)).not.toBeNull()
})
