import type { FaultLog, HealthCheck } from '../health.ts'
import type { CopyChange } from '../ocsp/held-copy.ts'
import type { OcspResponder } from '../ocsp/responder.ts'
import type { CacheChange } from '../ocsp/response-cache.ts'
import { BEAT, type WorkerSetup } from './messages.ts'
import { PlainWorker, type StartThread, startThread } from './worker.ts'

export interface PoolOptions
  extends Pick<WorkerSetup, 'host' | 'port' | 'backlog' | 'logLevel' | 'connections' | 'mainSocket'> {
  readonly count: number
  readonly ocsp: Pick<OcspResponder, 'copyTo' | 'held' | 'wanted'>
  readonly log: FaultLog
  readonly start?: StartThread
}

const FIRST_RESTART = 100
/** Tried for ever: nobody should be needed for it. Milliseconds. */
const LONGEST_RESTART = 30_000
/** Above the time that a worker gives its connections. Milliseconds. */
const CLOSE_GRACE = 10_000

/** The threads that serve the plain listener, their copies of the OCSP answers, and new threads when some die. */
export class PlainWorkers {
  readonly #options: PoolOptions
  readonly #newest = new Int32Array(new SharedArrayBuffer(4))
  readonly #workers = new Map<number, PlainWorker>()
  readonly #restarts = new Map<number, NodeJS.Timeout>()
  readonly #watch: NodeJS.Timeout
  #outbox: CopyChange[] = []
  /** Of each number, in a row. */
  readonly #failures = new Map<number, number>()
  /** A first start that fails is the caller's to see; only later ones are repeated. */
  #started = false
  #closing = false
  port: number

  constructor(options: PoolOptions) {
    this.#options = options
    this.port = options.port
    this.#watch = setInterval(() => this.#look(), BEAT)
    this.#watch.unref()
    options.ocsp.copyTo((change) => this.#changed(change))
  }

  /** Resolves when all of them listen; rejects with why one cannot. */
  async start(): Promise<void> {
    const numbers = Array.from({ length: this.#options.count }, (_, i) => i + 1)
    for (const number of numbers) this.port = await this.#begin(number).port
    this.#started = true
    for (const number of numbers) if (!this.#workers.has(number)) this.#beginAgain(number)
  }

  health(): HealthCheck {
    const { count } = this.#options
    const living = [...this.#workers.values()].filter(({ listens }) => listens).length
    const reason = living === count ? null : `${living} of ${count} workers serve the plain listener.`
    return { name: 'workers', ok: living > 0, reason }
  }

  /** Lets requests in flight finish, and waits for all threads to end. */
  async close(): Promise<void> {
    this.#closing = true
    clearInterval(this.#watch)
    for (const timer of this.#restarts.values()) clearTimeout(timer)
    await Promise.all([...this.#workers.values()].map((worker) => worker.close(CLOSE_GRACE)))
  }

  #begin(number: number): PlainWorker {
    const { host, backlog, logLevel, connections, mainSocket, ocsp, start = startThread } = this.#options
    this.#flush()
    const setup = {
      number,
      host,
      port: this.port,
      backlog,
      logLevel,
      connections,
      mainSocket,
      newest: this.#newest,
    }
    const worker = new PlainWorker(start, setup, {
      used: (keys, answered) => {
        this.#failures.delete(number)
        ocsp.wanted(keys, answered)
      },
      gone: (cause) => this.#gone(number, cause),
    })
    this.#workers.set(number, worker)
    const changes = Array.from(ocsp.held(), crossing)
    worker.send({ kind: 'changes', number: this.#newest[0]!, changes })
    return worker
  }

  #beginAgain(number: number): void {
    try {
      this.#begin(number)
    } catch (cause) {
      // As where the system has no thread left to give.
      this.#gone(number, cause)
    }
  }

  #changed(change: CacheChange): void {
    if (this.#outbox.length === 0) setImmediate(() => this.#flush())
    this.#outbox.push(crossing(change))
    // What must not be given any more is known to all before whoever took it away goes on.
    if (change.kind === 'remove') this.#flush()
  }

  /** Posts first and counts then: who finds the new number finds the message. */
  #flush(): void {
    if (this.#outbox.length === 0) return
    const changes = this.#outbox
    this.#outbox = []
    const number = (this.#newest[0]! + 1) | 0
    for (const worker of this.#workers.values()) worker.send({ kind: 'changes', number, changes })
    Atomics.store(this.#newest, 0, number)
  }

  #look(): void {
    for (const [number, worker] of this.#workers) {
      if (worker.missesBeat())
        this.#options.log.error({ worker: number }, 'A worker did not answer any more and was ended')
    }
  }

  #gone(number: number, cause: unknown): void {
    this.#workers.delete(number)
    if (this.#closing || !this.#started) return
    const failures = this.#failures.get(number) ?? 0
    this.#failures.set(number, failures + 1)
    const delay = Math.min(FIRST_RESTART * 2 ** failures, LONGEST_RESTART)
    this.#options.log.error(
      { err: cause, worker: number },
      `A worker ended; the next one starts in ${delay} ms`,
    )
    const timer = setTimeout(() => {
      this.#restarts.delete(number)
      this.#beginAgain(number)
    }, delay)
    this.#restarts.set(number, timer)
  }
}

function crossing(change: CacheChange): CopyChange {
  if (change.kind !== 'put') return change
  const { key, response } = change
  const { der, etag, thisUpdate, nextUpdate, says } = response
  return { kind: 'put', key, response: { der: der.toString('latin1'), etag, thisUpdate, nextUpdate, says } }
}
