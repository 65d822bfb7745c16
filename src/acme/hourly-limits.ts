import type { Clock } from '../clock.ts'
import { RecentMap } from '../recent-map.ts'
import { AcmeError } from './problem.ts'

const HOUR = 3_600_000
/** Keys that are remembered; the one that was used longest ago is forgotten first. */
const MOST_KEYS = 100_000

interface Bucket {
  left: number
  /** Milliseconds since 1970. */
  filledAt: number
}

/** So many an hour for each key, and after a quiet hour as many at once. In memory: a restart forgets. */
export class HourlyLimit {
  readonly #limit: number
  readonly #what: string
  readonly #clock: Clock
  readonly #buckets = new RecentMap<string, Bucket>(MOST_KEYS)

  /** `limit` 0: none. `what` is for the error: "new orders of this account". */
  constructor(limit: number, what: string, clock: Clock) {
    this.#limit = limit
    this.#what = what
    this.#clock = clock
  }

  /** Counts one for each key, or none at all. Throws "rateLimited" with the seconds until there is room. */
  take(...keys: readonly string[]): void {
    for (const key of keys) this.check(key)
    for (const key of keys) {
      const bucket = this.#buckets.get(key)
      if (bucket) bucket.left -= 1
    }
  }

  /** As `take`, and counts nothing where `make` fails: a database that takes nothing for a while must not use the limit up. */
  async counting<T>(keys: readonly string[], make: () => Promise<T>): Promise<T> {
    this.take(...keys)
    try {
      return await make()
    } catch (error) {
      for (const key of keys) {
        const bucket = this.#buckets.get(key)
        if (bucket) bucket.left = Math.min(this.#limit, bucket.left + 1)
      }
      throw error
    }
  }

  /** Throws as `take` does, and counts nothing. */
  check(key: string): void {
    if (this.#limit === 0) return
    const bucket = this.#filled(key)
    if (bucket.left >= 1) return
    const retryAfter = Math.ceil(((1 - bucket.left) * HOUR) / this.#limit / 1000)
    throw new AcmeError(
      'rateLimited',
      `Too many ${this.#what}: ${this.#limit} an hour are allowed. Try again in ${retryAfter} s.`,
      { retryAfter },
    )
  }

  #filled(key: string): Bucket {
    const now = this.#clock().getTime()
    const known = this.#buckets.get(key)
    const elapsed = known ? Math.max(0, now - known.filledAt) : 0
    const left = known ? Math.min(this.#limit, known.left + (elapsed * this.#limit) / HOUR) : this.#limit
    const bucket = { left, filledAt: now }
    this.#buckets.set(key, bucket)
    return bucket
  }
}
