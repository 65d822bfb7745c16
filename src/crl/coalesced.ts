import { setTimeout } from 'node:timers/promises'

/**
 * Runs `work` one at a time. Every caller gets the outcome of a run that began after it asked, and callers
 * close together share one: what was true when somebody asked is in what that run saw.
 */
export class Coalesced<T> {
  readonly #work: () => Promise<T>
  readonly #delay: number
  readonly #pause: () => number
  #running: Promise<unknown> = Promise.resolve()
  #rested: Promise<unknown> = Promise.resolve()
  #waiting: Promise<T> | null = null

  /**
   * `delay`: milliseconds that a run waits for others to join. `pause`: milliseconds from the end of a run to the next one, asked
   * for at its end.
   */
  constructor(work: () => Promise<T>, delay: number, pause: () => number = () => 0) {
    this.#work = work
    this.#delay = delay
    this.#pause = pause
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
    await Promise.all([this.#rested, setTimeout(this.#delay)])
    // From here on who asks may have come too late for this run; they wait for the next.
    this.#waiting = null
    const run = this.#work()
    this.#running = run
      .catch(() => {})
      .then(() => {
        const pause = this.#pause()
        if (pause > 0) this.#rested = setTimeout(pause, undefined, { ref: false })
      })
    return run
  }
}
