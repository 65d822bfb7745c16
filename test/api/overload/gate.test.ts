import { setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { Gate, type GateLimits } from '../../../src/api/overload/gate.ts'

function gate(limits: Partial<Pick<GateLimits, 'atWork' | 'perTurn' | 'waiting' | 'patience'>> = {}) {
  let now = 0
  const at = new Gate({
    ...{ atWork: 2, perTurn: 2, waiting: 3, patience: 500, clock: () => new Date(now) },
    ...limits,
  })
  const told: string[] = []
  const come = (name: string) => {
    const comer = { letIn: () => told.push(`${name} in`), turnAway: () => told.push(`${name} away`) }
    at.enter(comer)
    return comer
  }
  const pass = (milliseconds: number) => {
    now += milliseconds
  }
  return { at, told, come, pass }
}

test('lets in at once as many as may work, and the next when one has left', async () => {
  const { at, told, come } = gate()
  const a = come('a')
  come('b')
  come('c')
  await turn()
  expect(told).toEqual(['a in', 'b in'])
  at.leave(a)
  await turn()
  await turn()
  expect(told).toEqual(['a in', 'b in', 'c in'])
})

test('whoever leaves twice, or is not counted any more, makes room once', async () => {
  const { at, told, come, pass } = gate({ patience: 10_000 })
  const [a, b] = [come('a'), come('b')]
  for (const name of ['c', 'd', 'e']) come(name)
  at.leave(a)
  at.leave(a)
  await turn()
  await turn()
  expect(told).toEqual(['a in', 'b in', 'c in'])
  // Its work is taken for waiting by now, and so is that of "c".
  pass(1001)
  at.leave(come('f'))
  await turn()
  await turn()
  expect(told).toEqual(['a in', 'b in', 'c in', 'd in', 'e in'])
  come('g')
  at.leave(b)
  at.leave(a)
  await turn()
  await turn()
  expect(told).toHaveLength(5)
})

test('lets in only so many in one turn', async () => {
  const { told, come } = gate({ atWork: 100 })
  for (const name of ['a', 'b', 'c', 'd', 'e']) come(name)
  expect(told).toEqual(['a in', 'b in'])
  await turn()
  expect(told).toHaveLength(4)
  await turn()
  expect(told).toHaveLength(5)
})

test('turns away at once who comes when as many wait as may', () => {
  const { at, told, come } = gate()
  for (const name of ['a', 'b', 'c', 'd', 'e']) come(name)
  expect(at.isFull).toBe(true)
  come('f')
  expect(told).toEqual(['a in', 'b in', 'f away'])
})

test('is full as soon as somebody waits too long, and turns that one away', async () => {
  const { at, told, come, pass } = gate()
  for (const name of ['a', 'b', 'c']) come(name)
  pass(501)
  expect(at.isFull).toBe(true)
  await turn()
  await turn()
  expect(told).toEqual(['a in', 'b in', 'c away'])
  expect(at.isFull).toBe(false)
})

test('who left while waiting is not let in', async () => {
  const { at, told, come } = gate()
  const a = come('a')
  come('b')
  const c = come('c')
  at.leave(c)
  at.leave(a)
  await turn()
  await turn()
  expect(told).toEqual(['a in', 'b in'])
})

test('who works for long, since it waits for something else, keeps nobody out', async () => {
  const { told, come, pass } = gate()
  come('a')
  come('b')
  await turn()
  pass(1001)
  await turn()
  come('c')
  pass(20)
  await expect.poll(() => told).toEqual(['a in', 'b in', 'c in'])
})
