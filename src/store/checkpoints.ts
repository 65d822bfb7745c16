import { statfsSync } from 'node:fs'
import type { ToCheckpointer } from './checkpoint-thread.ts'
import type { Connection } from './connection.ts'
import { checkpoint } from './database-blocks.ts'

/**
 * Pages in the WAL (32 MiB) at which it is checkpointed. Eight times SQLite's default: a page that many
 * commits touch, as those of indexes are, then goes to the database file once instead of eight times.
 */
const CHECKPOINT_PAGES = 8000

/** Pages between two looks at whether a WAL that is shorter must be moved, and between two attempts at one that did not begin anew. */
const MORE_PAGES = 500

const PAGE_BYTES = 4096

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
  readonly #descriptor: number
  readonly #startThread: () => CheckpointThread
  readonly #onFailure: (error: unknown) => void
  readonly #look: () => { log: number; checkpointed: number }
  #thread: CheckpointThread | null = null
  /** Of the thread, since a checkpoint was due; 0 where none is. */
  #passes = 0
  readonly #room: (file: string) => number
  /** Pages of the WAL at the last look. */
  #seen = 0
  /** Pages of the WAL from which on it is looked at what is to be done. */
  #next = MORE_PAGES

  /** `db`: the one that writes. `descriptor`: of its file. `onFailure`: a checkpoint failed after `look` had returned. `room`: octets that are left where a file is. */
  constructor(
    db: Connection,
    descriptor: number,
    startThread: () => CheckpointThread,
    onFailure: (error: unknown) => void,
    room: (file: string) => number = roomLeft,
  ) {
    this.#db = db
    this.#descriptor = descriptor
    this.#startThread = startThread
    this.#onFailure = onFailure
    this.#room = room
    // Prepared, since parsing it costs more than the answer.
    const look = db.prepare<[], { log: number; checkpointed: number }>('PRAGMA wal_checkpoint(NOOP)')
    this.#look = () => look.get()!
  }

  /**
   * To be called after each commit. Throws where the database file cannot be written or synced: nothing is lost by it, since the
   * pages stay in the WAL and are written anew by the next attempt.
   */
  look(): void {
    const reason = this.#reason()
    if (reason === 'long') this.#pass()
    else if (reason === 'tight') this.#tryToFinish()
  }

  /** Moves what there is, and it is over when this returns. Throws as `look` does, but only where the WAL is long. */
  atOnce(): void {
    if (this.#reason() === 'long') this.#finish()
    else this.#tryToFinish()
  }

  /** Moves what there is, and gives the WAL's blocks back, unless somebody reads for long. Throws where it fails. */
  beginAnew(): void {
    this.#passes = 0
    checkpoint(this.#db, this.#descriptor, 'TRUNCATE')
  }

  /** Whether the thread is at a checkpoint, or is about to begin one. */
  get isPassing(): boolean {
    return this.#thread !== null && this.#passes > 0
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

  /** Why a checkpoint is due; null where none is. */
  #reason(): 'long' | 'tight' | null {
    if (this.#passes > 0) return null
    const { log, checkpointed } = this.#look()
    if (log < this.#seen) this.#next = MORE_PAGES
    this.#seen = log
    if (log < this.#next || checkpointed === log) return null
    if (log >= CHECKPOINT_PAGES) return 'long'
    this.#next = Math.min(log + MORE_PAGES, CHECKPOINT_PAGES)
    return this.#isTight(log) ? 'tight' : null
  }

  /**
   * Whether the disk may be full before the WAL is long. Then it could not be moved any more, for the database file grows by that: by
   * as much as the WAL has, at most. What is written until the next look needs room, too.
   */
  #isTight(log: number): boolean {
    try {
      return this.#room(this.#db.name) < (log + 2 * MORE_PAGES) * PAGE_BYTES
    } catch {
      return false
    }
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
    } catch (error) {
      this.#onFailure(error)
    }
  }

  #finish(): void {
    this.#passes = 0
    checkpoint(this.#db, this.#descriptor)
    this.#seen = this.#look().log
    this.#next = this.#seen + MORE_PAGES
  }

  /** For a WAL that may as well grow. */
  #tryToFinish(): void {
    try {
      this.#finish()
    } catch {
      // Nothing is lost by it. It is tried again at the next look, and told once the WAL is long.
    }
  }
}

function roomLeft(file: string): number {
  const { bavail, bsize } = statfsSync(file)
  return bavail * bsize
}
