import { type MessagePort, parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads'
import { batchRunner } from './batch.ts'
import { type Connection, openForWriting } from './connection.ts'
import { toCrossed } from './crossed-error.ts'
import { migrate } from './migrate.ts'
import type { Answer, FromWriter, QueuedCommand, ToWriter, WriterSettings } from './writer-messages.ts'
import { storeFailed } from './writer-messages.ts'

/** The thread that owns the only connection that writes. */
class Writer {
  readonly #port: MessagePort
  readonly #settings: WriterSettings
  #open: { db: Connection; run: (commands: readonly QueuedCommand[]) => Answer[] } | null = null
  #probe: NodeJS.Timeout | undefined

  constructor(port: MessagePort, settings: WriterSettings) {
    this.#port = port
    this.#settings = settings
    try {
      this.#connect()
    } catch (error) {
      this.#post({ kind: 'unusable', error: toCrossed(error) })
      return
    }
    this.#post({ kind: 'ready' })
    port.on('message', (message: ToWriter) => this.#take(message))
  }

  /** Everything that waits becomes one batch: the longer the disk takes, the more commands share the next sync. */
  #take(first: ToWriter): void {
    const commands: QueuedCommand[] = []
    let closing = false
    for (
      let message: ToWriter | undefined = first;
      message;
      message = receiveMessageOnPort(this.#port)?.message
    ) {
      if (message.kind === 'close') closing = true
      else commands.push(...message.commands)
    }
    if (commands.length > 0) {
      const answers = this.#run(commands)
      this.#post({ kind: 'answers', answers, healthy: this.#open !== null })
    }
    if (closing) this.#close()
  }

  #run(commands: readonly QueuedCommand[]): Answer[] {
    // Sent before the main thread heard of the failure.
    if (!this.#open) return refusals(commands, 'The database cannot be written at present')
    try {
      return this.#open.run(commands)
    } catch (cause) {
      this.#fail()
      return refusals(commands, `The database could not be written (${codeOf(cause)})`, cause)
    }
  }

  /**
   * After a failed sync nobody knows which pages reached the disk, and the kernel reports the failure only once:
   * this connection must not commit again. A new one reads the WAL afresh, and must prove itself by a probe.
   */
  #fail(): void {
    const db = this.#open?.db
    this.#open = null
    try {
      db?.close()
    } catch {
      // The batch is refused already, and the connection is given up either way.
    }
    this.#probe = setTimeout(() => this.#tryAgain(), this.#settings.probeMilliseconds)
  }

  #tryAgain(): void {
    try {
      this.#connect()
      // Writes page 1 and syncs it, as any commit does, and changes nothing.
      const db = this.#open!.db
      db.transaction(() =>
        db.pragma(`user_version = ${db.pragma('user_version', { simple: true })}`),
      ).immediate()
    } catch {
      this.#fail()
      return
    }
    this.#post({ kind: 'recovered' })
  }

  #connect(): void {
    const db = openForWriting(this.#settings.file)
    try {
      migrate(db)
      this.#open = { db, run: batchRunner(db) }
    } catch (error) {
      db.close()
      throw error
    }
  }

  #close(): void {
    clearTimeout(this.#probe)
    try {
      this.#open?.db.pragma('wal_checkpoint(TRUNCATE)')
      this.#open?.db.close()
    } catch {
      // All that was answered is in the WAL and synced; the next start takes it from there.
    }
    this.#post({ kind: 'closed' })
    this.#port.close()
  }

  #post(message: FromWriter): void {
    this.#port.postMessage(message)
  }
}

function refusals(commands: readonly QueuedCommand[], what: string, cause?: unknown): Answer[] {
  const error = toCrossed(storeFailed(`${what}. Nothing was recorded; try again.`, cause))
  return commands.map(({ id }) => ({ id, error }))
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown failure'
}

if (!parentPort) throw new Error('writer-thread runs in a worker thread only')
new Writer(parentPort, workerData as WriterSettings)
