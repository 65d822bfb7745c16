import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Coalesced } from '../../src/crl/coalesced.ts'

const AT_ONCE = { delay: () => 0 }

test('callers at one moment share a run, and it fails for all of them', async () => {
  let runs = 0
  const coalesced = new Coalesced(async () => {
    if (++runs === 2) throw new Error('the second')
    return runs
  }, AT_ONCE)
  expect(await Promise.all([coalesced.run(), coalesced.run()])).toEqual([1, 1])
  await expect(Promise.all([coalesced.run(), coalesced.run()])).rejects.toThrow('the second')
  expect(await coalesced.run()).toBe(3)
})

test('who asks while a run is under way waits for it to end, and gets another', async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const begun = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let runs = 0
  const coalesced = new Coalesced(async () => {
    const run = runs++
    begun[run]!.resolve()
    await gates[run]!.promise
    return run
  }, AT_ONCE)
  const first = coalesced.run()
  await begun[0]!.promise
  const second = coalesced.run()
  // As many turns of the event loop as a run that did not wait would need to begin.
  for (let turn = 0; turn < 5; turn++) await setTimeout(0)
  expect(runs).toBe(1)
  gates[0]!.resolve()
  expect(await first).toBe(0)
  gates[1]!.resolve()
  expect(await second).toBe(1)
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
      }, AT_ONCE)
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
  }, AT_ONCE)
  const asked = coalesced.run().catch(() => 'failed')
  await coalesced.idle()
  expect(done).toEqual([0])
  expect(await asked).toBe('failed')
})

test('after a pause that a run asks for, the next one comes all the same', async () => {
  let runs = 0
  const coalesced = new Coalesced(async () => ++runs, { ...AT_ONCE, pause: () => 5 })
  expect(await coalesced.run()).toBe(1)
  expect(await Promise.all([coalesced.run(), coalesced.run()])).toEqual([2, 2])
  await coalesced.idle()
  expect(await coalesced.run()).toBe(3)
})

test('what is short does not wait for the pause that follows what is long', async () => {
  let runs = 0
  let mustRest = false
  const coalesced = new Coalesced(async () => ++runs, {
    ...AT_ONCE,
    pause: () => 3_600_000,
    mustRest: () => mustRest,
  })
  expect(await coalesced.run()).toBe(1)
  expect(await coalesced.run()).toBe(2)
  mustRest = true
  void coalesced.run()
  for (let turn = 0; turn < 5; turn++) await setTimeout(0)
  expect(runs).toBe(2)
})
