/** Some 10 ms of answers from memory. */
export const BEGUN_PER_TURN = 256

/** Counting costs less where the end of each turn is looked at only after so many. */
const LOOK_AFTER = 32

/**
 * Lets so much begin in a turn of the event loop, and the rest in the next ones, in order. Whoever asks bounds how much may wait.
 */
export class TurnBudget {
  #waiting: (() => void)[] = []
  /** Of those, so many have begun. */
  #first = 0
  #begun = 0
  #isScheduled = false
  readonly #perTurn: number

  constructor(perTurn = BEGUN_PER_TURN) {
    this.#perTurn = perTurn
  }

  /** Whether one more may begin now; whoever may not calls `later`. */
  take(): boolean {
    if (this.#first < this.#waiting.length || this.#begun >= this.#perTurn) return false
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
      this.#begun = 0
      // Those that they have wait come in a later turn.
      const end = Math.min(this.#first + this.#perTurn, this.#waiting.length)
      while (this.#first < end) {
        this.#begun++
        this.#waiting[this.#first++]!()
      }
      // Not each time: it copies what waits.
      if (this.#first === this.#waiting.length || this.#first > 16 * this.#perTurn) this.#forget()
      if (this.#begun >= LOOK_AFTER || this.#waiting.length > 0) this.#schedule()
    })
  }

  #forget(): void {
    this.#waiting = this.#waiting.slice(this.#first)
    this.#first = 0
  }
}
