import { expect, test } from 'vitest'
import { Turns } from '../src/turns.ts'

test('so many run at once, and the others follow in their order, whatever becomes of those before', async () => {
  const turns = new Turns(2)
  const started: number[] = []
  const end: (() => void)[] = []
  const runs = [0, 1, 2, 3].map((one) =>
    turns.run(async () => {
      started.push(one)
      await new Promise<void>((resolve) => end.push(resolve))
      if (one === 0) throw new Error('failed')
    }),
  )
  const settled = Promise.allSettled(runs)
  expect(started).toEqual([0, 1])
  expect(turns.waiting).toBe(2)
  end[0]!()
  await expect(runs[0]).rejects.toThrow('failed')
  await Promise.resolve()
  expect(started).toEqual([0, 1, 2])
  end[1]!()
  await runs[1]
  end[2]!()
  await runs[2]
  end[3]!()
  expect((await settled).map(({ status }) => status)).toEqual([
    'rejected',
    'fulfilled',
    'fulfilled',
    'fulfilled',
  ])
  expect(turns.waiting).toBe(0)
})
