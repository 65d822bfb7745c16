import { FairQueue } from './fair-queue.ts'

/** How many may wait, and what those hear that are too many. */
interface Bound {
  readonly most: number
  readonly refusal: () => Error
}

interface Waiting {
  readonly begin: () => void
  readonly refuse: (error: Error) => void
}

/** Lets so much work run at once; the rest waits, and its owners come by turns. */
export class FairTurns {
  #free: number
  readonly #bound: Bound | undefined
  readonly #waiting = new FairQueue<Waiting>()

  constructor(atOnce: number, bound?: Bound) {
    this.#free = atOnce
    this.#bound = bound
  }

  /**
   * Rejects with the bound's refusal where too much waits, of which that of whoever has most has to go first; and with the signal's reason
   * where that has fired before it is its turn.
   */
  async run<T>(owner: string, work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((begin, refuse) => this.#wait(owner, { begin, refuse }))
    try {
      signal?.throwIfAborted()
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next.begin()
      else this.#free++
    }
  }

  #wait(owner: string, one: Waiting): void {
    if (this.#bound && this.#waiting.size >= this.#bound.most) {
      const last = this.#waiting.takeFromMost(owner) ?? one
      last.refuse(this.#bound.refusal())
      if (last === one) return
    }
    this.#waiting.push(owner, one)
  }
}
