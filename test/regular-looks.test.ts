import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { RegularLooks } from '../src/regular-looks.ts'

const errors: unknown[] = []
let looks: RegularLooks
beforeEach(() => {
  vi.useFakeTimers()
  errors.length = 0
  looks = new RegularLooks({ every: 1000, rest: 3, onError: (error) => errors.push(error) })
})
afterEach(async () => {
  await looks.stop()
  vi.useRealTimers()
})

test('nobody looks while something is under way, and what comes meanwhile waits for it', async () => {
  const order: string[] = []
  let finish = () => {}
  looks.start(async () => {
    order.push('look')
    await new Promise<void>((resolve) => {
      finish = resolve
    })
    order.push('done')
  })
  await vi.advanceTimersByTimeAsync(5000)
  looks.run(async () => void order.push('asked for'))
  await vi.advanceTimersByTimeAsync(5000)
  expect(order).toEqual(['look'])
  finish()
  await vi.advanceTimersByTimeAsync(0)
  expect(order).toEqual(['look', 'done', 'asked for'])
  await vi.advanceTimersByTimeAsync(1000)
  expect(order.at(-1)).toBe('look')
  finish()
})

test('after a failure some looks are left out, and what is asked for is done all the same', async () => {
  let count = 0
  looks.start(async () => {
    count++
    throw new Error('no')
  })
  await vi.advanceTimersByTimeAsync(1000)
  expect([count, errors.length]).toEqual([1, 1])
  let isDone = false
  looks.run(async () => {
    isDone = true
  })
  await vi.advanceTimersByTimeAsync(3000)
  expect([count, isDone]).toEqual([1, true])
  await vi.advanceTimersByTimeAsync(1000)
  expect(count).toBe(2)
})

test('the end waits for what is under way, and nobody looks after it', async () => {
  let count = 0
  let finish = () => {}
  looks.start(async () => {
    count++
    await new Promise<void>((resolve) => {
      finish = resolve
    })
  })
  await vi.advanceTimersByTimeAsync(1000)
  let hasEnded = false
  const end = looks.stop().then(() => {
    hasEnded = true
  })
  await vi.advanceTimersByTimeAsync(5000)
  expect([count, hasEnded]).toEqual([1, false])
  finish()
  await end
  await vi.advanceTimersByTimeAsync(5000)
  expect(count).toBe(1)
})
