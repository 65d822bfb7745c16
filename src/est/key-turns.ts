import { CaError } from '../errors.ts'
import { FairQueue } from '../fair-queue.ts'

/** Of libuv's four threads, since signatures need some as well. */
const AT_ONCE = 2
const MOST_WAITING = 32

interface Waiting {
  readonly begin: () => void
  readonly refuse: (error: CaError) => void
}

/**
 * Keys are made a few at once, and those who ask for them come by turns: a key is made before policy has looked at its names, so that
 * the holder of one token can ask again and again, and must keep nobody else from theirs.
 */
export class KeyTurns {
  #free = AT_ONCE
  readonly #waiting = new FairQueue<Waiting>()

  /** `owner`: the id of a principal. "overloaded" where too many wait, of whom those of one who has many have to go first. */
  async run<T>(owner: string, work: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--
    else await new Promise<void>((begin, refuse) => this.#wait(owner, { begin, refuse }))
    try {
      return await work()
    } finally {
      const next = this.#waiting.shift()
      if (next) next.begin()
      else this.#free++
    }
  }

  #wait(owner: string, one: Waiting): void {
    if (this.#waiting.size >= MOST_WAITING) {
      const other = this.#waiting.takeFromMost(owner)
      const last = other ?? one
      last.refuse(tooMany())
      if (last === one) return
    }
    this.#waiting.push(owner, one)
  }
}

function tooMany(): CaError {
  return new CaError('overloaded', 'Too many keys are being made: try again shortly.', { retryAfter: 2 })
}
