import { expect, test } from 'vitest'
import { CaError } from '../src/errors.ts'
import { FairTurns } from '../src/fair-turns.ts'

test('so much runs at once, and who has much to do does not hold up who has little', async () => {
  const turns = new FairTurns(2)
  const { signal } = new AbortController()
  const begun: string[] = []
  const ends: (() => void)[] = []
  const run = (owner: string, name: string) =>
    turns.run(
      owner,
      () => {
        begun.push(name)
        return new Promise<void>((resolve) => ends.push(resolve))
      },
      signal,
    )
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
  const running = turns.run('a', () => first.promise, stop.signal)
  const given = expect(turns.run('a', work('late'), stop.signal)).rejects.toThrow('over')
  const other = turns.run('b', work('other'), new AbortController().signal)
  stop.abort(new Error('over'))
  first.resolve()
  await Promise.all([running, given, other])
  expect(done).toEqual(['other'])
})

/** Asks for keys, of which so many may be waited for, that are made when `make` says so, and keeps what has become of each. */
function asking() {
  const turns = new FairTurns(2, { most: 32, refusal: () => new CaError('overloaded', 'Too many.') })
  const begun: string[] = []
  const refused: string[] = []
  const ends: (() => void)[] = []
  const ask = (owner: string, name: string) =>
    turns
      .run(owner, () => {
        begun.push(name)
        return new Promise<void>((resolve) => ends.push(resolve))
      })
      .catch((error: CaError) => refused.push(`${name}: ${error.code}`))
  const make = async () => {
    ends.shift()!()
    await new Promise(setImmediate)
  }
  const askMany = (owner: string, count: number) =>
    Array.from({ length: count }, (_, n) => ask(owner, `${owner}${n}`))
  return { ask, askMany, make, begun, refused }
}

test('who asks for many keys keeps nobody else from one', async () => {
  const { ask, askMany, make, begun, refused } = asking()
  // Two are being made, and 32 wait.
  askMany('token:1 ', 34)
  ask('est:pump', 'pump')
  await make()
  await make()
  expect(refused).toEqual(['token:1 33: overloaded'])
  expect(begun).toEqual(['token:1 0', 'token:1 1', 'token:1 2', 'pump'])
})

test('who asks for many keys is told that these are too many, as is everybody where all have as many', async () => {
  const { ask, askMany, make, refused } = asking()
  askMany('token:1 ', 35)
  await new Promise(setImmediate)
  expect(refused).toEqual(['token:1 34: overloaded'])
  for (let n = 2; n <= 32; n++) ask(`token:${n}`, `token:${n}`)
  await new Promise(setImmediate)
  expect(refused).toHaveLength(32)
  ask('token:99', 'token:99')
  await make()
  expect(refused.at(-1)).toBe('token:99: overloaded')
})
