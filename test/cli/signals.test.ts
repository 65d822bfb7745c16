import { afterEach, expect, test, vi } from 'vitest'
import { untilSignal } from '../../src/cli/signals.ts'

afterEach(() => {
  vi.restoreAllMocks()
})

test.for([
  ['an echo ends nothing', 500, 0],
  ['a later one ends the process', 5000, 1],
  ['also after the clock was set back', -3_600_000, 1],
] as const)('a second signal: %s', async ([, later, exits]) => {
  const receivers: ((signal: NodeJS.Signals) => void)[] = []
  vi.spyOn(process, 'on').mockImplementation(((_: string, receiver: (signal: NodeJS.Signals) => void) => {
    receivers.push(receiver)
    return process
  }) as typeof process.on)
  const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as typeof process.exit)
  let now = 1_800_000_000_000
  const stopped = untilSignal(() => new Date(now))
  receivers[0]!('SIGTERM')
  expect(await stopped).toBe('SIGTERM')
  now += later
  receivers[0]!('SIGTERM')
  expect(exit).toHaveBeenCalledTimes(exits)
})
