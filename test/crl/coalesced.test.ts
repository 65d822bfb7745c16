import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Coalesced } from '../../src/crl/coalesced.ts'

test('callers at one moment share a run, and it fails for all of them', async () => {
  let runs = 0
  const coalesced = new Coalesced(async () => {
    if (++runs === 2) throw new Error('the second')
    return runs
  }, 0)
  expect(await Promise.all([coalesced.run(), coalesced.run()])).toEqual([1, 1])
  await expect(Promise.all([coalesced.run(), coalesced.run()])).rejects.toThrow('the second')
  expect(await coalesced.run()).toBe(3)
})

test('one run at a time; each caller gets one that began after it asked', async () => {
  await fc.assert(
    fc.asyncProperty(fc.scheduler(), fc.integer({ min: 1, max: 8 }), async (scheduler, callers) => {
      let fact = 0
      let running = 0
      const coalesced = new Coalesced(async () => {
        expect(++running).toBe(1)
        const seen = fact
        await scheduler.schedule(Promise.resolve(), 'work')
        running--
        return seen
      }, 0)
      const asked = Array.from({ length: callers }, async (_, i) => {
        await scheduler.schedule(Promise.resolve(), `caller ${i}`)
        const mine = ++fact
        expect(await coalesced.run()).toBeGreaterThanOrEqual(mine)
      })
      await scheduler.waitFor(Promise.all(asked))
      await coalesced.idle()
      expect(running).toBe(0)
    }),
    { numRuns: 50 },
  )
})

test('idle waits for what runs and what waits, also if it fails', async () => {
  const done: number[] = []
  const coalesced = new Coalesced(async () => {
    done.push(done.length)
    throw new Error('no')
  }, 0)
  const asked = coalesced.run().catch(() => 'failed')
  await coalesced.idle()
  expect(done).toEqual([0])
  expect(await asked).toBe('failed')
})
