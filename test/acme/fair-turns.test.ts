import { expect, test } from 'vitest'
import { FairTurns } from '../../src/acme/fair-turns.ts'

test('so much runs at once, and who has much to do does not hold up who has little', async () => {
  const turns = new FairTurns(2)
  const { signal } = new AbortController()
  const begun: string[] = []
  const ends: (() => void)[] = []
  const run = (owner: string, name: string) =>
    turns.run(owner, signal, () => {
      begun.push(name)
      return new Promise<void>((resolve) => ends.push(resolve))
    })
  const all = Promise.all([...['a1', 'a2', 'a3', 'a4'].map((name) => run('a', name)), run('b', 'b1')])
  await Promise.resolve()
  expect(begun).toEqual(['a1', 'a2'])
  for (let n = 0; n < 5; n++) {
    await expect.poll(() => ends.length).toBeGreaterThan(n)
    ends[n]!()
  }
  await all
  expect(begun).toEqual(['a1', 'a2', 'a3', 'b1', 'a4'])
})

test('what is not wanted any more has no turn, and takes none from others', async () => {
  const turns = new FairTurns(1)
  const stop = new AbortController()
  const first = Promise.withResolvers<void>()
  const done: string[] = []
  const work = (name: string) => async () => void done.push(name)
  const running = turns.run('a', stop.signal, () => first.promise)
  const given = expect(turns.run('a', stop.signal, work('late'))).rejects.toThrow('over')
  const other = turns.run('b', new AbortController().signal, work('other'))
  stop.abort(new Error('over'))
  first.resolve()
  await Promise.all([running, given, other])
  expect(done).toEqual(['other'])
})
