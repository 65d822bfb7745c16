import { isStorageFailure, readError, shuttingDown, withFailuresTold } from './storage-failure.ts'

/**
 * Reads whose failures are told as such, and whether the database can be read at present. After a failure `probe` is asked
 * every `milliseconds` until it does not throw: a service that says that it is not ready may be asked nothing else.
 */
export class WatchedReads {
  readonly #probe: () => void
  readonly #milliseconds: number
  #timer: NodeJS.Timeout | null = null
  #closed = false

  constructor(probe: () => void, milliseconds: number) {
    this.#probe = probe
    this.#milliseconds = milliseconds
  }

  get healthy(): boolean {
    return this.#timer === null
  }

  /** The same reads, which reject with `CaError` "storeFailed" where the disk or the file is at fault. */
  watch<R extends object>(reads: R): R {
    return withFailuresTold(reads, (error) => this.#failed(error))
  }

  /** To be called before the connection is closed: from then on reads are refused, as writes and searches are. */
  close(): void {
    this.#closed = true
    this.#stop()
  }

  #stop(): void {
    if (this.#timer) clearInterval(this.#timer)
  }

  #failed(error: unknown): unknown {
    if (this.#closed) return shuttingDown()
    if (isStorageFailure(error)) this.#timer ??= setInterval(() => this.#try(), this.#milliseconds).unref()
    return readError(error)
  }

  #try(): void {
    try {
      this.#probe()
    } catch {
      return
    }
    this.#stop()
    this.#timer = null
  }
}
