import type { AcmeErrorType } from '../problem.ts'
import { ValidationFailure } from './failure.ts'

/** The time that one validation has, and the caller's wish to stop it. Everything that opens a socket closes it on `signal`. */
export class Deadline {
  readonly #controller = new AbortController()
  readonly #seconds: number
  #timer: NodeJS.Timeout
  readonly #outer: AbortSignal | undefined
  readonly #stop = (): void => this.#controller.abort(this.#outer?.reason)

  /** Seconds from now. Must be closed. */
  constructor(seconds: number, outer?: AbortSignal) {
    this.#seconds = seconds
    this.#outer = outer
    this.#timer = this.#after(seconds)
    if (outer?.aborted) this.#stop()
    else outer?.addEventListener('abort', this.#stop, { once: true })
  }

  #after(seconds: number): NodeJS.Timeout {
    return setTimeout(() => this.#controller.abort(), seconds * 1000)
  }

  /** Ends in so many seconds from now, which must be sooner than it would have. */
  shorten(seconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = this.#after(seconds)
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get seconds(): number {
    return this.#seconds
  }

  /** What to throw once `signal` has fired: the caller's reason, or a failure. `what` begins a sentence: "… did not answer". */
  reason(type: AcmeErrorType, what: string): unknown {
    if (this.#outer?.aborted) return this.#outer.reason
    return new ValidationFailure(type, `${what} within ${this.#seconds} seconds.`, 'unreachable')
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#outer?.removeEventListener('abort', this.#stop)
  }

  /** `promise`, or `reason` if that comes first. What the promise does later is nobody's business. */
  race<T>(promise: Promise<T>, type: AcmeErrorType, what: string): Promise<T> {
    const { signal } = this
    return new Promise<T>((resolve, reject) => {
      const stop = () => reject(this.reason(type, what))
      if (signal.aborted) stop()
      else signal.addEventListener('abort', stop, { once: true })
      promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop))
    })
  }
}
