import { type Clock, epochSeconds } from '../clock.ts'

/** After a failure nobody is asked again for so long: whoever signs in must not set the pace. Seconds. */
export const RETRY = 5

/** What is fetched from elsewhere, and kept; where it cannot be fetched again, what was known goes on to count. */
export class Refetched<T> {
  readonly #fetch: () => Promise<T>
  readonly #clock: Clock
  #known: { readonly at: number; readonly value: T } | null = null
  #failure: { readonly at: number; readonly error: unknown } | null = null
  #underWay: Promise<T> | null = null

  constructor(fetch: () => Promise<T>, clock: Clock) {
    this.#fetch = fetch
    this.#clock = clock
  }

  /** No older than `life`, seconds, if it can be had. */
  async get(life: number): Promise<T> {
    const now = epochSeconds(this.#clock())
    const known = this.#known
    if (known && isWithin(known.at, life, now)) return known.value
    if (this.#failure && isWithin(this.#failure.at, RETRY, now)) {
      if (known) return known.value
      throw this.#failure.error
    }
    this.#underWay ??= this.#again(now).finally(() => {
      this.#underWay = null
    })
    return this.#underWay
  }

  async #again(now: number): Promise<T> {
    try {
      const value = await this.#fetch()
      this.#known = { at: now, value }
      this.#failure = null
      return value
    } catch (error) {
      this.#failure = { at: now, error }
      if (this.#known) return this.#known.value
      throw error
    }
  }
}

/** By this clock, which may have been set back since. */
function isWithin(at: number, life: number, now: number): boolean {
  return at <= now && now < at + life
}
