import type { ResolverOptions } from 'node:dns'
import type { Deadline } from './deadline.ts'

/** Rounds that fill the time of a validation, each twice as long as the one before, in which every server is asked. */
const FULL = { part: 1, tries: 3 } as const
const SHORT = { part: 1 / 10, tries: 6 } as const

/**
 * How long a DNS server is waited for before the next is asked. One that is down lets each question of a validation wait, and CAA alone
 * asks two for each label: after the first that had to wait, those that follow in the same validation pass over it soon. The order
 * stays, so that no name that is slow on purpose can turn questions away from a server that answers; and other validations know nothing of it.
 */
export class DnsPatience {
  readonly #waited = new WeakMap<Deadline, { hasWaited: boolean }>()

  /** A part of a validation knows what the whole does. */
  share(part: Deadline, whole: Deadline): void {
    this.#waited.set(part, this.#of(whole))
  }

  /** `servers`: how many there are. A single one has nobody after it. */
  optionsFor(deadline: Deadline, servers: () => number): ResolverOptions {
    const { part, tries } = this.#of(deadline).hasWaited && servers() > 1 ? SHORT : FULL
    return { timeout: Math.max(50, whole(deadline) * part), tries }
  }

  /** The answer to a question that is under way; notes that it had to wait for a server. */
  async waitFor<T>(answer: Promise<T>, deadline: Deadline): Promise<T> {
    const state = this.#of(deadline)
    const note = () => {
      state.hasWaited = true
    }
    // A little before the next server is asked, whose answer may come at once.
    const timer = setTimeout(note, whole(deadline) * 0.9)
    try {
      return await answer
    } finally {
      clearTimeout(timer)
    }
  }

  #of(deadline: Deadline): { hasWaited: boolean } {
    const known = this.#waited.get(deadline) ?? { hasWaited: false }
    this.#waited.set(deadline, known)
    return known
  }
}

/** Milliseconds. */
function whole({ seconds }: Deadline): number {
  return Math.max(50, Math.min(3000, seconds * 250))
}
