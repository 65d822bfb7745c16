import { setTimeout } from 'node:timers/promises'

export interface CoalescedTiming {
  /** Milliseconds that a run waits for others to join; asked for when it is the next. */
  readonly delay: () => number
  /** Milliseconds from the end of a run to the next one, asked for at its end. */
  readonly pause?: () => number
  /** Whether the next run has to wait for that pause. */
  readonly mustRest?: () => boolean
}

/**
 * Runs `work` one at a time. Every caller gets the outcome of a run that began after it asked, and callers
 * close together share one: what was true when somebody asked is in what that run saw.
 */
export class Coalesced<T> {
  readonly #work: () => Promise<T>
  readonly #timing: CoalescedTiming
  #running: Promise<unknown> = Promise.resolve()
  #rested: Promise<unknown> = Promise.resolve()
  #waiting: Promise<T> | null = null

  constructor(work: () => Promise<T>, timing: CoalescedTiming) {
    this.#work = work
    this.#timing = timing
  }

  run(): Promise<T> {
    this.#waiting ??= this.#next()
    return this.#waiting
  }

  /** Resolves when nothing runs or waits; never rejects. */
  async idle(): Promise<void> {
    while (this.#waiting) await this.#waiting.catch(() => {})
    await this.#running
  }

  async #next(): Promise<T> {
    await this.#running
    const { delay, mustRest = () => true } = this.#timing
    await Promise.all([mustRest() ? this.#rested : null, setTimeout(delay())])
    // From here on who asks may have come too late for this run; they wait for the next.
    this.#waiting = null
    const run = this.#work()
    this.#running = run
      .catch(() => {})
      .then(() => {
        const pause = this.#timing.pause?.() ?? 0
        if (pause > 0) this.#rested = setTimeout(pause, undefined, { ref: false })
      })
    return run
  }
}
