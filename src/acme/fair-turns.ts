import { FairQueue } from '../fair-queue.ts'

/** Lets so much work run at once; the rest waits, and its owners come by turns. */
export class FairTurns {
  #free: number
  readonly #waiting = new FairQueue<() => void>()

  constructor(atOnce: number) {
    this.#free = atOnce
  }

  /** Rejects with the signal's reason where that has fired before it is its turn. */
  async run<T>(owner: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((resolve) => this.#waiting.push(owner, resolve))
    try {
      signal.throwIfAborted()
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free++
    }
  }
}
