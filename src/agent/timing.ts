import { randomInt } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type Clock, systemClock } from '../clock.ts'

/** Time and chance, injected: tests move the one and choose the other. */
export interface Timing {
  readonly clock: Clock
  /** Resolves after so many milliseconds, or as soon as the signal aborts. */
  sleep(milliseconds: number, signal: AbortSignal): Promise<void>
  /** From 0 to below 1. */
  random(): number
}

const STEPS = 2 ** 32

export const systemTiming: Timing = {
  clock: systemClock,
  async sleep(milliseconds, signal) {
    // An abort is no failure: whoever sleeps looks at the signal when it wakes.
    await delay(milliseconds, undefined, { signal }).catch(() => {})
  },
  random: () => randomInt(STEPS) / STEPS,
}
