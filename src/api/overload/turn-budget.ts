/** Some 10 ms of answers from memory. */
export const BEGUN_PER_TURN = 256

/** Counting costs less where the end of each turn is looked at only after so many. */
const LOOK_AFTER = 32

/** Lets so much begin in a turn of the event loop, and the rest in the next ones, in order. */
export class TurnBudget {
  #waiting: (() => void)[] = []
  #begun = 0
  #isScheduled = false

  /** Whether one more may begin now; whoever may not calls `later`. */
  take(): boolean {
    if (this.#waiting.length > 0 || this.#begun >= BEGUN_PER_TURN) return false
    if (++this.#begun >= LOOK_AFTER) this.#schedule()
    return true
  }

  later(begin: () => void): void {
    this.#waiting.push(begin)
    this.#schedule()
  }

  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      const next = this.#waiting.slice(0, BEGUN_PER_TURN)
      this.#waiting = this.#waiting.slice(BEGUN_PER_TURN)
      this.#begun = next.length
      for (const begin of next) begin()
      if (this.#begun >= LOOK_AFTER || this.#waiting.length > 0) this.#schedule()
    })
  }
}
