import type { ToCheckpointer } from './checkpoint-thread.ts'
import { type Connection, checkpoint } from './connection.ts'

/**
 * Pages in the WAL (32 MiB) at which it is checkpointed. Eight times SQLite's default: a page that many
 * commits touch, as those of indexes are, then goes to the database file once instead of eight times.
 */
const CHECKPOINT_PAGES = 8000

/** The WAL did not begin anew, as where somebody reads for long: with so many more it is tried again. */
const MORE_PAGES = 500

/** As many take the writer itself about as long as a commit does. */
const FEW_PAGES = 250

/** Of the thread in a row, each of what was committed during the one before. */
const PASSES = 3

/** As much of a `Worker` as is needed. */
export interface CheckpointThread {
  on(event: 'message', listener: (succeeded: boolean) => void): unknown
  on(event: 'error' | 'exit', listener: () => void): unknown
  postMessage(message: ToCheckpointer): void
}

/**
 * Moves a long WAL into the database file. Most of it is moved by a thread while commits go on: in a database of millions those
 * are thousands of pages all over the file, and a sync of tens of milliseconds. The rest is moved by the connection that
 * writes, between two batches, since the WAL begins anew only where nothing is left of it.
 */
export class Checkpoints {
  readonly #db: Connection
  readonly #startThread: () => CheckpointThread
  readonly #onFailure: () => void
  readonly #look: () => { log: number; checkpointed: number }
  #thread: CheckpointThread | null = null
  /** Of the thread, since a checkpoint was due; 0 where none is. */
  #passes = 0
  /** Pages of the WAL at the last look. */
  #seen = 0
  /** Pages of the WAL at which a checkpoint is due. */
  #due = CHECKPOINT_PAGES

  /** `db`: the one that writes. `onFailure`: a checkpoint failed after `look` had returned. */
  constructor(db: Connection, startThread: () => CheckpointThread, onFailure: () => void) {
    this.#db = db
    this.#startThread = startThread
    this.#onFailure = onFailure
    // Prepared, since parsing it costs more than the answer.
    const look = db.prepare<[], { log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)')
    this.#look = () => look.get()!
  }

  /**
   * To be called after each commit. Throws where the database file cannot be written or synced: nothing is lost by it, since the
   * pages stay in the WAL and are written anew by the next attempt.
   */
  look(): void {
    if (this.#isDue()) this.#pass()
  }

  /**
   * Moves what there is, and it is over when this returns. Throws as `look` does, but only where a checkpoint is due: a WAL that is
   * short may grow.
   */
  atOnce(): void {
    const isDue = this.#isDue()
    try {
      this.#finish()
    } catch (error) {
      if (isDue) throw error
    }
  }

  /** Resolves when the thread has closed its connection. */
  close(): Promise<void> {
    const thread = this.#thread
    this.#thread = null
    if (!thread) return Promise.resolve()
    return new Promise((resolve) => {
      thread.on('exit', resolve)
      thread.postMessage('close')
    })
  }

  #isDue(): boolean {
    if (this.#passes > 0) return false
    const { log, checkpointed } = this.#look()
    if (log < this.#seen) this.#due = CHECKPOINT_PAGES
    this.#seen = log
    return log >= this.#due && checkpointed < log
  }

  #pass(): void {
    this.#passes++
    try {
      this.#thread ??= this.#start()
      this.#thread.postMessage('checkpoint')
    } catch {
      this.#finish()
    }
  }

  #start(): CheckpointThread {
    const thread = this.#startThread()
    thread.on('message', (succeeded) => this.#passed(thread, succeeded))
    // Without a listener, an error in the thread would end this one.
    thread.on('error', () => {})
    thread.on('exit', () => this.#passed(thread, false))
    return thread
  }

  #passed(thread: CheckpointThread, succeeded: boolean): void {
    if (thread !== this.#thread) return
    try {
      if (!succeeded) {
        // Its connection may be what failed.
        void this.close()
        if (this.#passes > 0) this.#finish()
        return
      }
      const { log, checkpointed } = this.#look()
      if (log - checkpointed > FEW_PAGES && this.#passes < PASSES) this.#pass()
      else this.#finish()
    } catch {
      this.#onFailure()
    }
  }

  #finish(): void {
    this.#passes = 0
    checkpoint(this.#db)
    this.#seen = this.#look().log
    this.#due = this.#seen + MORE_PAGES
  }
}
