import type { Worker } from 'node:worker_threads'
import { CaError } from '../errors.ts'
import { fromCrossed } from './crossed-error.ts'
import type { Searches, SearchKind } from './read/queries.ts'
import type { SearchReply, SearchRequest } from './search-thread.ts'
import { shuttingDown } from './storage-failure.ts'

interface Waiting {
  readonly request: SearchRequest
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: CaError) => void
}

/**
 * The main thread's side of the search thread: started at the first search, and again after it died. One search is
 * with the thread at a time, in a read transaction of its own: it sees all that was durable before it was asked.
 */
export class SearchQueue {
  readonly #startWorker: () => Worker
  readonly #limit: number
  #worker: Worker | null = null
  #running: Waiting | null = null
  #waiting: Waiting[] = []
  #closing = false

  /** `limit`: how many may wait behind the one that runs. */
  constructor(startWorker: () => Worker, limit: number) {
    this.#startWorker = startWorker
    this.#limit = limit
  }

  /** Rejects with a `CaError`: the search's own, "overloaded" beyond the limit, "storeFailed" if the thread dies. */
  ask<K extends SearchKind>(kind: K, ...parameters: Parameters<Searches[K]>): ReturnType<Searches[K]> {
    const answer = new Promise<unknown>((resolve, reject) => {
      if (this.#closing) return reject(shuttingDown())
      if (this.#running && this.#waiting.length >= this.#limit) {
        return reject(
          new CaError('overloaded', 'Too many searches are waiting. Try again shortly.', { retryAfter: 1 }),
        )
      }
      this.#waiting.push({ request: { kind, parameters } as SearchRequest, resolve, reject })
      if (!this.#running) this.#next()
    })
    return answer as ReturnType<Searches[K]>
  }

  /** Refuses what waits, and ends the thread after the search that runs. */
  async close(): Promise<void> {
    this.#closing = true
    for (const { reject } of this.#waiting) reject(shuttingDown())
    this.#waiting = []
    const worker = this.#worker
    if (!worker) return
    worker.ref()
    await new Promise<void>((resolve) => {
      worker.once('exit', () => resolve())
      worker.postMessage('close')
    })
  }

  #next(): void {
    const next = this.#waiting.shift() ?? null
    this.#running = next
    if (!next) {
      // Between searches the thread must not keep the process alive; while it closes, `close` waits for it.
      if (!this.#closing) this.#worker?.unref()
      return
    }
    try {
      this.#worker ??= this.#start()
      this.#worker.ref()
      this.#worker.postMessage(next.request)
    } catch (error) {
      this.#gone(error)
    }
  }

  #start(): Worker {
    const worker = this.#startWorker()
    let cause: unknown
    worker.on('message', (reply: SearchReply) => this.#settle(reply))
    // Without a listener, an error in the thread would end the process.
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => this.#gone(cause))
    return worker
  }

  #settle(reply: SearchReply): void {
    const running = this.#running
    this.#next()
    if ('error' in reply) running?.reject(fromCrossed(reply.error))
    else running?.resolve(reply.answer)
  }

  #gone(cause: unknown): void {
    this.#worker = null
    const lost = this.#running ? [this.#running, ...this.#waiting] : this.#waiting
    this.#running = null
    this.#waiting = []
    const error = new CaError('storeFailed', 'The search thread ended before it answered. Try again.', {
      retryAfter: 1,
      cause,
    })
    for (const { reject } of lost) reject(error)
  }
}
