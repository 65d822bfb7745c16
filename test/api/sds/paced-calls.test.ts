import { setImmediate as turn } from 'node:timers/promises'
import type { ServerInterceptingCallInterface } from '@grpc/grpc-js'
import { expect, test } from 'vitest'
import { PER_TURN, paceCalls } from '../../../src/api/sds/paced-calls.ts'

test('calls that come in one turn of the event loop begin in several, in order', async () => {
  const begun: number[] = []
  const begin = paceCalls()
  const come = (n: number) => {
    const call = { start: () => void begun.push(n) } as unknown as ServerInterceptingCallInterface
    begin({} as never, call).start({} as never)
  }
  const all = Array.from({ length: 3 * PER_TURN }, (_, n) => n)
  for (const n of all) come(n)
  expect(begun).toEqual(all.slice(0, PER_TURN))
  await turn()
  expect(begun).toEqual(all.slice(0, 2 * PER_TURN))
  await turn()
  expect(begun).toEqual(all)
})
