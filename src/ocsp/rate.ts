import type { Clock } from '../clock.ts'

/** So many a second, and after a quiet time as many at once: what costs more than it gives is bounded by it. */
export class Rate {
  readonly #perSecond: number
  readonly #clock: Clock
  #left: number
  #filledAt: number

  constructor(perSecond: number, clock: Clock) {
    this.#perSecond = perSecond
    this.#clock = clock
    this.#left = perSecond
    this.#filledAt = clock().getTime()
  }

  /** False when there was too much already. */
  take(): boolean {
    const now = this.#clock().getTime()
    // A clock that was set back gives nothing, and takes nothing away.
    const elapsed = Math.max(0, now - this.#filledAt)
    this.#left = Math.min(this.#perSecond, this.#left + (elapsed * this.#perSecond) / 1000)
    this.#filledAt = now
    if (this.#left < 1) return false
    this.#left -= 1
    return true
  }
}
