interface LookOptions {
  /** Milliseconds between two looks. The clock may be set, or the machine sleep: so it is looked at often. */
  readonly every: number
  /** So many looks are left out after a failure. */
  readonly rest: number
  readonly onError: (error: unknown) => void
}

/** Looks again and again whether there is something to do, and does one thing after the other. */
export class RegularLooks {
  readonly #options: LookOptions
  #timer: NodeJS.Timeout | undefined
  #last: Promise<void> = Promise.resolve()
  #underWay = 0
  #rest = 0

  constructor(options: LookOptions) {
    this.#options = options
  }

  /** While something is under way, nobody looks. */
  start(look: () => Promise<void>): void {
    this.#timer = setInterval(() => {
      if (this.#rest > 0) this.#rest--
      else if (this.#underWay === 0) this.run(look)
    }, this.#options.every)
    this.#timer.unref()
  }

  /** Behind what is under way, also after a failure. */
  run(work: () => Promise<void>): void {
    this.#underWay++
    this.#last = this.#last
      .then(work)
      .catch((error: unknown) => {
        this.#rest = this.#options.rest
        this.#options.onError(error)
      })
      .finally(() => {
        this.#underWay--
      })
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#last
  }
}
