/** Rows that one step removes of each kind: the writer is busy with it for a few milliseconds. */
const STEP = 200
/** Between two steps, for everybody else. Milliseconds. */
const PAUSE = 100
const INTERVAL = 3_600_000

/** Removes what is over, in small steps: `step` takes the most rows that it may remove, and says whether there are more. */
export class Sweeper {
  readonly #step: (limit: number) => Promise<{ more: boolean }>
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(step: (limit: number) => Promise<{ more: boolean }>, onError: (error: unknown) => void) {
    this.#step = step
    this.#onError = onError
  }

  start(): void {
    this.#later(PAUSE)
  }

  stop(): void {
    this.#stopped = true
    clearTimeout(this.#timer)
  }

  #later(milliseconds: number): void {
    if (this.#stopped) return
    this.#timer = setTimeout(() => {
      this.#step(STEP).then(
        ({ more }) => this.#later(more ? PAUSE : INTERVAL),
        (error: unknown) => {
          this.#onError(error)
          this.#later(INTERVAL)
        },
      )
    }, milliseconds)
    this.#timer.unref()
  }
}
