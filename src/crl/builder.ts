import { Worker } from 'node:worker_threads'
import { CaError } from '../errors.ts'
import { threadEntry } from '../package-files.ts'
import { fromCrossed } from '../store/crossed-error.ts'
import type { Store } from '../store/store.ts'
import type { BuildReply, ThreadRequest } from './build-thread.ts'
import { type BuildRequest, type Built, encodeLists, NOTHING_REVOKED } from './built-lists.ts'

interface Waiting {
  readonly resolve: (built: Built) => void
  readonly reject: (error: unknown) => void
}

/** As much of the store as is needed. */
type Source = Pick<Store, 'databaseFile' | 'databaseIdentity'> & {
  readonly read: Pick<Store['read'], 'latestChange'>
}

/** The main thread's side of the build thread: started at the first use, and again after it died. */
export class CrlBuilder {
  readonly #store: Source
  readonly #waiting = new Map<number, Waiting>()
  #worker: Worker | null = null
  #lastId = 0

  constructor(store: Source) {
    this.#store = store
  }

  /** The TBSCertLists of one state of the scope, full, delta or both. */
  async build(request: BuildRequest): Promise<Built> {
    // No thread for a list without entries: most authorities have none at their start, and for long.
    if ((await this.#store.read.latestChange(request.scope)) === 0)
      return encodeLists(request, NOTHING_REVOKED)
    const worker = this.#start()
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.ref()
      worker.postMessage({ ...request, id } satisfies ThreadRequest)
    })
  }

  /** Ends the thread after what it has to do. */
  async close(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    worker.postMessage('close')
    worker.ref()
    await new Promise((resolve) => worker.once('exit', resolve))
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(threadEntry('crl/build-thread'), {
      name: 'chancery-crl',
      workerData: { databaseFile: this.#store.databaseFile, identity: this.#store.databaseIdentity },
      // Not with the flags of the host process: --eval or --input-type would keep a file from being run.
      execArgv: [],
    })
    this.#worker = worker
    let cause: unknown
    worker.on('message', (reply: BuildReply) => this.#settle(reply))
    worker.on('error', (error) => {
      cause = error
    })
    worker.on('exit', () => {
      this.#worker = null
      for (const { reject } of this.#waiting.values()) {
        const what = 'The thread that builds CRLs ended before it answered. Try again.'
        reject(new CaError('storeFailed', what, { retryAfter: 1, cause }))
      }
      this.#waiting.clear()
    })
    return worker
  }

  #settle(reply: BuildReply): void {
    const waiting = this.#waiting.get(reply.id)
    this.#waiting.delete(reply.id)
    // Between builds the thread must not keep the process alive.
    if (this.#waiting.size === 0) this.#worker?.unref()
    if (reply.kind === 'failed') waiting?.reject(fromCrossed(reply.error))
    else waiting?.resolve(reply)
  }
}
