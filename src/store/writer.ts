import { closeSync, openSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import { syncDirectory } from '../durable-files.ts'
import { instant, secondsSince } from '../metrics/timings.ts'
import { batchRunner } from './batch.ts'
import { Checkpoints } from './checkpoints.ts'
import { type Connection, openForWriting } from './connection.ts'
import { toCrossed } from './crossed-error.ts'
import { writeAgain } from './database-blocks.ts'
import { IN_DOUBT } from './doubt.ts'
import { migrate } from './migrate.ts'
import { identityOf, refuseAnother } from './same-file.ts'
import { signIssuances } from './sign-issuances.ts'
import { startCheckpointer } from './threads.ts'
import type {
  Answer,
  BatchTimes,
  FromWriter,
  QueuedCommand,
  ReadyCommand,
  ToWriter,
  WriterSettings,
} from './writer-messages.ts'
import { storeFailed } from './writer-messages.ts'

/** The transaction was never whole in the WAL. After other failures, of a sync above all, it may be. */
const NEVER_WRITTEN = /^SQLITE_(FULL|IOERR_WRITE|READONLY_DBMOVED)/

/**
 * Where blocks that the WAL had grown by could not be written, ext4 reads them as zeros after the next mount, though they were written
 * and synced again since, and each sync succeeded.
 */
const DAMAGING = /^SQLITE_IOERR/

interface Outcome {
  readonly answers: Answer[]
  /** It had failed, and can write again. */
  readonly recovered: boolean
  readonly failed: boolean
  readonly times: BatchTimes | null
}

/** Owns the only connection that writes; `port` leads to a `WriterQueue`. */
export class Writer {
  readonly #port: MessagePort
  readonly #settings: WriterSettings
  /** Of the file that was opened first. */
  #identity: string | null
  #open: {
    readonly db: Connection
    readonly run: ReturnType<typeof batchRunner>
    readonly checkpoints: Checkpoints
  } | null = null
  #probe: NodeJS.Timeout | undefined
  /** Whether the thread of a connection that was given up is at a checkpoint still: the file must not grow by zeros beside it. */
  #isPassing = false
  /** Of that file. It stays open for as long as any connection is. */
  #descriptor: number | undefined
  /** Whether the WAL's blocks may be damaged, and the database's pages not be on the disk. */
  #isDamaged = false

  constructor(port: MessagePort, settings: WriterSettings) {
    this.#port = port
    this.#settings = settings
    this.#identity = settings.identity ?? null
    let isWalLeft: boolean
    try {
      isWalLeft = hasContent(`${settings.file}-wal`)
      this.#connect()
    } catch (error) {
      this.#post({ kind: 'unusable', error: toCrossed(error) })
      port.close()
      return
    }
    this.#post({ kind: 'ready' })
    if (isWalLeft) this.#foldWhatWasLeft()
    port.on('message', (message: ToWriter) => this.#take(message))
  }

  /** Of a process that was killed, or could not write: the blocks may be damaged, and it did not live to begin anew. */
  #foldWhatWasLeft(): void {
    try {
      this.#open!.checkpoints.beginAnew()
    } catch (error) {
      // Where there is only no room for it, the WAL may as well stay.
      if (DAMAGING.test(codeOf(error))) this.#checkpointFailed(error)
    }
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
      const { recovered, ...outcome } = this.#run(commands)
      this.#post({ kind: 'answers', ...outcome, healthy: this.#open !== null })
      if (recovered) this.#post({ kind: 'recovered' })
      this.#checkpoint()
    }
    if (closing) void this.#close()
  }

  #run(queued: readonly QueuedCommand[]): Outcome {
    // Sent before the main thread heard of the failure.
    if (!this.#open) {
      const answers = refusals(queued, 'The database cannot be written at present.')
      return { answers, recovered: false, failed: true, times: null }
    }
    const start = instant()
    const { ready, refused } = signIssuances(queued)
    if (ready.length === 0) return { answers: refused, recovered: false, failed: false, times: null }
    const { answers, ...rest } = this.#write(this.#open.run, ready, secondsSince(start))
    return { answers: [...answers, ...refused], ...rest }
  }

  #write(run: ReturnType<typeof batchRunner>, commands: readonly ReadyCommand[], signing: number): Outcome {
    try {
      // What is recorded in a file that was removed is lost with this process.
      if (this.#identity) refuseAnother(this.#settings.file, this.#identity)
      const { answers, times } = run(commands)
      return { answers, recovered: false, failed: false, times: { ...times, signing } }
    } catch (cause) {
      // Before anybody is told: a whole transaction whose sync failed lies in the WAL, where the next start would find it.
      const code = codeOf(cause)
      const recovered = this.#replace(code)
      const isUndone = recovered || NEVER_WRITTEN.test(code)
      const what = `The database could not be written (${code}).`
      return { answers: refusals(commands, what, { isUndone, cause }), recovered, failed: true, times: null }
    }
  }

  /** Its failure is none of a command: all that was answered is in the WAL. But the WAL must not grow for ever. */
  #checkpoint(): void {
    try {
      this.#open?.checkpoints.look()
    } catch (error) {
      this.#checkpointFailed(error)
    }
  }

  #checkpointFailed(cause: unknown): void {
    this.#post({ kind: this.#replace(codeOf(cause)) ? 'recovered' : 'failed' })
  }

  /**
   * After a failed sync nobody knows which pages reached the disk, and the kernel reports the failure only once: a second
   * sync that succeeds proves nothing, so this connection must not commit again. A new one goes on behind the last
   * transaction that was synced. It must prove itself by a probe, which is written over what failed, and synced. False where
   * that fails; then it is tried again later. `code`: of what failed last.
   */
  #replace(code: string): boolean {
    this.#giveUp()
    // Before anything else can fail, and hide what it was.
    if (DAMAGING.test(code)) this.#isDamaged = true
    try {
      if (this.#isPassing) throw new Error('a checkpoint is under way')
      this.#connect()
      const { db, checkpoints } = this.#open!
      if (this.#isDamaged) writeAgain(db, this.#descriptor!)
      // First, since only a WAL that is folded has room on a full disk, within a quota or a limit of what a file may have: they may be
      // small, or a long reader have let it grow. Not where a sync failed, which is asked for as little as can be.
      if (!DAMAGING.test(code) || NEVER_WRITTEN.test(code)) checkpoints.atOnce()
      // Writes page 1 and syncs it, as any commit does, and changes nothing.
      db.transaction(() =>
        db.pragma(`user_version = ${db.pragma('user_version', { simple: true })}`),
      ).immediate()
      if (this.#isDamaged) checkpoints.beginAnew()
      this.#isDamaged = false
      return true
    } catch (error) {
      this.#giveUp()
      this.#probe = setTimeout(() => {
        if (this.#replace(codeOf(error))) this.#post({ kind: 'recovered' })
      }, this.#settings.probeMilliseconds)
      return false
    }
  }

  #giveUp(): void {
    const open = this.#open
    this.#open = null
    if (open?.checkpoints.isPassing) this.#isPassing = true
    void open?.checkpoints.close().then(() => {
      this.#isPassing = false
    })
    try {
      open?.db.close()
    } catch {
      // It is not used again either way.
    }
  }

  #connect(): void {
    const { file, notices } = this.#settings
    const db = openForWriting(file, this.#identity)
    try {
      // At the start alone: by now the package's folder may hold another version, whose schema is not that of this code.
      if (this.#identity === null) migrate(db)
      // The WAL is a new file after a clean end; SQLite does not say so where its name could not be synced.
      syncDirectory(dirname(file))
      this.#identity ??= identityOf(file)
      this.#descriptor ??= openSync(file, 'r+')
      const descriptor = this.#descriptor
      const startThread = () => startCheckpointer(file, this.#identity, descriptor)
      const checkpoints = new Checkpoints(db, descriptor, startThread, (error) =>
        this.#checkpointFailed(error),
      )
      this.#open = { db, run: batchRunner(db, notices), checkpoints }
    } catch (error) {
      db.close()
      throw error
    }
  }

  async #close(): Promise<void> {
    clearTimeout(this.#probe)
    // Of two that checkpoint at once, one gives up.
    await this.#open?.checkpoints.close()
    try {
      this.#open?.checkpoints.beginAnew()
      this.#open?.db.close()
      if (this.#descriptor !== undefined) closeSync(this.#descriptor)
    } catch {
      // All that was answered is in the WAL and synced; the next start takes it from there.
    }
    this.#port.close()
  }

  #post(message: FromWriter): void {
    this.#port.postMessage(message)
  }
}

function refusals(
  commands: readonly Pick<QueuedCommand, 'id'>[],
  what: string,
  { isUndone = true, cause }: { isUndone?: boolean; cause?: unknown } = {},
): Answer[] {
  const outcome = isUndone ? 'Nothing was recorded; try again.' : IN_DOUBT
  const error = toCrossed(storeFailed(`${what} ${outcome}`, cause))
  return commands.map(({ id }) => ({ id, error }))
}

function hasContent(file: string): boolean {
  return (statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown failure'
}
