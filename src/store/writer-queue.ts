import { CaError } from '../errors.ts'
import { instant, secondsSince } from '../metrics/timings.ts'
import { Tickets } from '../tickets.ts'
import { beginSpan, type Span } from '../tracing/spans.ts'
import type { CommandKind, Commands } from './commands.ts'
import { fromCrossed } from './crossed-error.ts'
import { detach } from './detach.ts'
import { IN_DOUBT } from './doubt.ts'
import { type StoreFigures, storeFigures } from './figures.ts'
import type { Answer, BatchTimes, FromWriter, QueuedCommand, ToWriter } from './writer-messages.ts'
import { storeFailed } from './writer-messages.ts'

export interface QueueLimit {
  /** Commands that wait or are being written. */
  commands: number
  /** Their size. A command of any size is let in alone, so that a large CRL can always be recorded. */
  bytes: number
}

/** As much of a `Worker` as is needed: what starts it decides whether it is one. */
export interface WriterThread {
  on(event: 'message', listener: (message: FromWriter) => void): unknown
  on(event: 'error', listener: (error: unknown) => void): unknown
  on(event: 'exit', listener: () => void): unknown
  once(event: 'exit', listener: () => void): unknown
  postMessage(message: ToWriter): void
}

interface Waiting {
  bytes: number
  /** Null where nobody wants to know, as is usual. */
  trace: { span: Span; at: bigint; signs: boolean } | null
  resolve: (output: unknown) => void
  reject: (error: CaError) => void
}

/** Commands of one message, at most. */
const POSTED_AT_ONCE = 8

const FIRST_RESTART_MILLISECONDS = 100
/** Between two looks at whether the writer answers. */
const LOOK_MILLISECONDS = 1000
/** Looks without any answer before the disk counts as hung. Looks, not time: a process that was stopped has missed some. */
const PATIENCE = 10
/** Tried for ever: a full disk or a lost mount may come back at any time, and nobody should be needed for it. */
const LONGEST_RESTART_MILLISECONDS = 30_000

/** The main thread's side of the writer: what waits, how the writer is, and a new writer when one dies. */
export class WriterQueue {
  readonly #startWorker: () => WriterThread
  readonly #limit: QueueLimit
  readonly #onResumed: () => void
  readonly #waiting = new Tickets<Waiting>()
  readonly #counted = storeFigures()
  #worker: WriterThread | null = null
  #outbox: QueuedCommand[] = []
  #bytes = 0
  /** A first start that fails is the caller's to see; only later ones are repeated. */
  #started = false
  #healthy = false
  #closing = false
  #drained: (() => void) | null = null
  /** In a row, without one batch written. */
  #restarts = 0
  #restart: NodeJS.Timeout | undefined
  #watch: NodeJS.Timeout | undefined
  /** Looks in a row at which something waited and the writer had said nothing. */
  #silence = 0
  /** Commands that the writer has and nobody waits for any more: its answers alone tell that they are decided. */
  #undecided = 0
  /** Writes were not taken, and nobody has been told that they are again. */
  #interrupted = false

  /** `onResumed`: called when writes are taken again after they were not, and what was in doubt is on record, or never will be. */
  constructor(startWorker: () => WriterThread, limit: QueueLimit, onResumed: () => void = () => {}) {
    this.#startWorker = startWorker
    this.#limit = limit
    this.#onResumed = onResumed
  }

  get healthy(): boolean {
    return this.#healthy && !this.#closing
  }

  get figures(): StoreFigures {
    return { ...this.#counted, waiting: this.#waiting.size, bytes: this.#bytes, limit: this.#limit }
  }

  /** Resolves when the writer has the database open; rejects with what is wrong with it. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      let worker: WriterThread
      try {
        worker = this.#startWorker()
      } catch (cause) {
        reject(storeFailed('The writer thread could not be started.', cause))
        this.#gone(cause)
        return
      }
      this.#worker = worker
      this.#watch ??= setInterval(() => this.#look(), LOOK_MILLISECONDS).unref()
      let failure: unknown
      worker.on('message', (message: FromWriter) => {
        this.#receive(message)
        if (message.kind === 'ready') resolve()
        else if (message.kind === 'unusable') reject(fromCrossed(message.error))
      })
      // Without a listener, an error in the thread would end the process.
      worker.on('error', (error) => {
        failure = error
      })
      worker.on('exit', () => {
        reject(storeFailed('The writer thread ended while it started.', failure))
        this.#gone(failure)
      })
    })
  }

  write<K extends CommandKind>(kind: K, input: Commands[K]['input']): Promise<Commands[K]['output']> {
    if (this.#closing)
      return Promise.reject(storeFailed('The service is shutting down. Nothing was recorded.'))
    if (!this.#healthy) {
      return Promise.reject(
        storeFailed('The database cannot be written at present. Nothing was recorded; try again.'),
      )
    }
    const { copy, bytes } = detach(input)
    if (this.#full(bytes)) {
      this.#counted.refused.count++
      return Promise.reject(
        new CaError('overloaded', 'Too many writes are waiting. Nothing was recorded; try again shortly.', {
          retryAfter: 1,
        }),
      )
    }
    const span = beginSpan(`record ${kind}`)
    const trace = span && { span, at: instant(), signs: 'unsigned' in input }
    this.#bytes += bytes
    return new Promise((resolve, reject) => {
      const id = this.#waiting.add({ bytes, trace, resolve: resolve as (output: unknown) => void, reject })
      this.#post({ id, kind, input: copy })
    })
  }

  /** Takes no more writes, and resolves when those that wait are answered. */
  drain(): Promise<void> {
    this.#closing = true
    clearTimeout(this.#restart)
    clearInterval(this.#watch)
    return new Promise((resolve) => {
      this.#drained = resolve
      this.#checkDrained()
    })
  }

  /** Has the writer checkpoint and close its connection, and its thread end. Call `drain` first. */
  async stop(): Promise<void> {
    const worker = this.#worker
    if (!worker) return
    await new Promise<void>((resolve) => {
      worker.once('exit', () => resolve())
      post(worker, { kind: 'close' })
    })
  }

  #full(bytes: number): boolean {
    const { size } = this.#waiting
    return size > 0 && (size >= this.#limit.commands || this.#bytes + bytes > this.#limit.bytes)
  }

  /**
   * One message for what one turn of the event loop brings: posting costs more than a command does. But where a turn brings
   * many, the writer begins with some of them while the others are prepared.
   */
  #post(command: QueuedCommand): void {
    if (this.#outbox.push(command) === POSTED_AT_ONCE) this.#flush()
    else if (this.#outbox.length === 1) setImmediate(() => this.#flush())
  }

  #flush(): void {
    const commands = this.#outbox
    this.#outbox = []
    if (commands.length > 0 && this.#worker) post(this.#worker, { kind: 'commands', commands })
  }

  #receive(message: FromWriter): void {
    this.#silence = 0
    if (message.kind === 'failed') this.#interrupt()
    else if (message.kind === 'ready' || message.kind === 'recovered') this.#started = this.#healthy = true
    else if (message.kind === 'answers') this.#receiveAnswers(message)
    this.#tellOnceDecided()
  }

  #receiveAnswers(message: Extract<FromWriter, { kind: 'answers' }>): void {
    if (message.healthy) this.#healthy = true
    else this.#interrupt()
    if (message.times) this.#restarts = 0
    this.#measure(message)
    for (const answer of message.answers) this.#settle(answer, message.times)
    this.#checkDrained()
  }

  #measure({ failed, times }: Extract<FromWriter, { kind: 'answers' }>): void {
    if (failed) this.#counted.failedBatches.count++
    if (!times) return
    this.#counted.commits.observe(times.commit)
    this.#counted.batches.observe(times.batch)
    this.#counted.batchSizes.observe(times.commands)
  }

  #interrupt(): void {
    this.#healthy = false
    this.#interrupted = this.#started
  }

  /** The first answer after a silence may be to what came before that of which somebody was told that it is in doubt. */
  #tellOnceDecided(): void {
    if (!this.#interrupted || !this.healthy || this.#undecided > 0) return
    this.#interrupted = false
    this.#onResumed()
  }

  /** A disk that hangs does not say so. Its callers must hear something, and others must not queue behind them. */
  #look(): void {
    if (this.#waiting.size === 0 || ++this.#silence !== PATIENCE) return
    this.#interrupt()
    this.#undecided += this.#waiting.size
    this.#forsake(storeFailed(`The disk does not answer. ${IN_DOUBT}`))
  }

  #settle(answer: Answer, times: BatchTimes | null): void {
    const waiting = this.#waiting.take(answer.id)
    if (!waiting) {
      this.#undecided--
      return
    }
    this.#bytes -= waiting.bytes
    if (waiting.trace) endTrace(waiting.trace, 'error' in answer, times)
    if ('error' in answer) waiting.reject(fromCrossed(answer.error))
    else waiting.resolve(answer.output)
  }

  /** The thread is no more, and with it the answers to all that was sent. */
  #gone(cause: unknown): void {
    this.#worker = null
    this.#interrupt()
    this.#silence = 0
    this.#undecided = 0
    this.#outbox = []
    this.#forsake(storeFailed(`The writer failed before it answered. ${IN_DOUBT}`, cause))
    if (this.#closing || !this.#started) return
    const delay = Math.min(FIRST_RESTART_MILLISECONDS * 2 ** this.#restarts, LONGEST_RESTART_MILLISECONDS)
    this.#restarts++
    // A start that fails comes back here.
    this.#restart = setTimeout(() => this.start().catch(() => {}), delay)
  }

  /** Waits no longer for what was sent. */
  #forsake(error: CaError): void {
    this.#bytes = 0
    for (const waiting of this.#waiting.takeAll()) {
      waiting.trace?.span.end({}, true)
      waiting.reject(error)
    }
    this.#checkDrained()
  }

  #checkDrained(): void {
    if (this.#waiting.size === 0) this.#drained?.()
  }
}

/** What of it was waiting for the writer, and what the commit, which is the whole batch's. */
function endTrace(
  { span, at, signs }: NonNullable<Waiting['trace']>,
  failed: boolean,
  times: BatchTimes | null,
): void {
  if (times) {
    const { batch, signing } = times
    span.past('wait for the writer', secondsSince(at), signing + batch)
    if (signs) span.past('prove and sign', signing + batch, batch)
    span.past('commit', times.commit, 0)
  }
  span.end({}, failed)
}

function post(worker: WriterThread, message: ToWriter): void {
  worker.postMessage(message)
}
