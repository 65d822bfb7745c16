import Fastify, { type FastifyInstance } from 'fastify'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { installProblems } from '../../src/api/problems.ts'
import { CaError, type ErrorCode } from '../../src/errors.ts'

let app: FastifyInstance
let lines: { err: { code: string }; requests?: number; level: number }[]
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  lines = []
  const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
  app = Fastify({ logger: { level: 'warn', stream } })
  installProblems(app)
  app.get('/:code', async (request) => {
    throw new CaError((request.params as { code: ErrorCode }).code, 'A fault of the test.')
  })
})
afterEach(async () => {
  await app.close()
  vi.useRealTimers()
})

const ask = async (code: ErrorCode, times: number) => {
  for (let n = 0; n < times; n++) await app.inject(`/${code}`)
}
const told = () => lines.map(({ err, requests }) => [err.code, requests])

test('a failure that meets all who come has one line at once, and one for all others ten seconds later', async () => {
  await ask('overloaded', 50)
  await ask('storeFailed', 3)
  expect(told()).toEqual([
    ['overloaded', 1],
    ['storeFailed', 1],
  ])
  vi.advanceTimersByTime(10_000)
  expect(told().slice(2)).toEqual([
    ['overloaded', 49],
    ['storeFailed', 2],
  ])
  vi.advanceTimersByTime(60_000)
  expect(lines).toHaveLength(4)
})

test('a fault of the service itself has its line each time, and a mistake of the caller none', async () => {
  await ask('internal', 3)
  await ask('badName', 3)
  expect(told()).toEqual(Array.from({ length: 3 }, () => ['internal', undefined]))
})
