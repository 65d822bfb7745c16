import { epochSeconds } from '../clock.ts'
import type { AcmeContext } from './context.ts'

/** Rows that one step removes of each kind: the writer is busy with it for a few milliseconds. */
const STEP = 200
/** Between two steps, for everybody else. Milliseconds. */
const PAUSE = 100
const INTERVAL = 3_600_000

/** Removes orders and authorizations that are over, in small steps. */
export class Sweeper {
  readonly #context: Pick<AcmeContext, 'store' | 'clock'>
  readonly #onError: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(context: Pick<AcmeContext, 'store' | 'clock'>, onError: (error: unknown) => void) {
    this.#context = context
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
      this.#step().then(
        (more) => this.#later(more ? PAUSE : INTERVAL),
        (error: unknown) => {
          this.#onError(error)
          this.#later(INTERVAL)
        },
      )
    }, milliseconds)
    this.#timer.unref()
  }

  async #step(): Promise<boolean> {
    const { store, clock } = this.#context
    const { more } = await store.write('sweepAcme', { now: epochSeconds(clock()), limit: STEP })
    return more
  }
}
