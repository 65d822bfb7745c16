const DAY = 24 * 3600

/** Tells of each thing once a day at most. */
export class DailyWarnings {
  readonly #tell: (authority: string, reason: string) => void
  /** Seconds since 1970, by authority and kind. */
  readonly #toldAt = new Map<string, number>()

  constructor(tell: (authority: string, reason: string) => void) {
    this.#tell = tell
  }

  /** `reason`: null where nothing is wrong; `now`: seconds since 1970. */
  warn(authority: string, kind: string, reason: string | null, now: number): void {
    const key = `${authority} ${kind}`
    const age = now - (this.#toldAt.get(key) ?? Number.NEGATIVE_INFINITY)
    // Below zero the clock was set back since.
    if (reason === null || (age >= 0 && age < DAY)) return
    this.#toldAt.set(key, now)
    this.#tell(authority, reason)
  }
}
