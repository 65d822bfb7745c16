import { expect, test } from 'vitest'
import { RETRY, Refetched } from '../../src/oidc/refetched.ts'

function counted() {
  let now = 1_000_000
  let asked = 0
  let fails = false
  const kept = new Refetched(
    async () => {
      asked++
      if (fails) throw new Error(`failure ${asked}`)
      return asked
    },
    () => new Date(now * 1000),
  )
  return {
    kept,
    later: (seconds: number) => (now += seconds),
    fail: (value: boolean) => (fails = value),
    asked: () => asked,
  }
}

test('it is fetched once for all who ask at once, and again when it is too old for somebody', async () => {
  const { kept, later, asked } = counted()
  expect(await Promise.all([kept.get(60), kept.get(60), kept.get(3600)])).toEqual([1, 1, 1])
  later(59)
  expect(await kept.get(60)).toBe(1)
  later(1)
  expect(await kept.get(3600)).toBe(1)
  expect(await kept.get(60)).toBe(2)
  expect(asked()).toBe(2)
})

test('after a failure what was known goes on to count, and nobody is asked for a few seconds', async () => {
  const { kept, later, fail, asked } = counted()
  fail(true)
  await expect(kept.get(60)).rejects.toThrow('failure 1')
  await expect(kept.get(60)).rejects.toThrow('failure 1')
  expect(asked()).toBe(1)
  later(RETRY)
  fail(false)
  expect(await kept.get(60)).toBe(2)
  later(60)
  fail(true)
  expect(await kept.get(60)).toBe(2)
  expect(await kept.get(60)).toBe(2)
  expect(asked()).toBe(3)
  later(RETRY)
  fail(false)
  expect(await kept.get(60)).toBe(4)
})

test('a clock that was set back does not keep it for as long as it was wrong', async () => {
  const { kept, later } = counted()
  expect(await kept.get(60)).toBe(1)
  later(-1000)
  expect(await kept.get(60)).toBe(2)
})
