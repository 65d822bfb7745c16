/** Milliseconds. */
const BETWEEN = 10_000

/** Counts what comes in floods, and tells of it seldom: a flood must not fill the log as well. */
export class Tally {
  readonly #tell: (count: number) => void
  #count = 0
  #timer: NodeJS.Timeout | undefined

  constructor(tell: (count: number) => void) {
    this.#tell = tell
  }

  /** The first is told of at once, and all that follow together, later. */
  add(): void {
    this.#count++
    if (this.#timer) return
    this.#flush()
    this.#timer = setInterval(() => {
      if (this.#count > 0) return this.#flush()
      clearInterval(this.#timer)
      this.#timer = undefined
    }, BETWEEN)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
    if (this.#count > 0) this.#flush()
  }

  #flush(): void {
    const count = this.#count
    this.#count = 0
    this.#tell(count)
  }
}
