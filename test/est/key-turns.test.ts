import { expect, test } from 'vitest'
import type { CaError } from '../../src/errors.ts'
import { KeyTurns } from '../../src/est/key-turns.ts'

/** Asks for keys that are made when `make` says so, and keeps what has become of each. */
function asking() {
  const turns = new KeyTurns()
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
