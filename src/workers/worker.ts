import { MessageChannel, type MessagePort, Worker } from 'node:worker_threads'
import type { Answered } from '../ocsp/answer-counts.ts'
import { threadEntry } from '../package-files.ts'
import type { FromWorker, ToWorker, WorkerSetup } from './messages.ts'

/** Beats that may be missed in a row. A thread that is silent for so long serves nobody, and holds the connections it has. */
const PATIENCE = 10

export interface WorkerEvents {
  readonly used: (keys: readonly string[], answered: Answered) => void
  /** It is no more: whether it could not start or ended later. */
  readonly gone: (cause: unknown) => void
}

export type StartThread = (setup: WorkerSetup) => Worker

export function startThread(setup: WorkerSetup): Worker {
  const entry = threadEntry('workers/thread')
  // Not with the flags of the host process: --eval or --input-type would keep a file from being run.
  const name = `chancery-plain-${setup.number}`
  return new Worker(entry, { name, workerData: setup, transferList: [setup.channel], execArgv: [] })
}

/** The main thread's side of one worker. */
export class PlainWorker {
  /** The port that it listens on; rejects where it cannot. */
  readonly port: Promise<number>
  readonly #thread: Worker
  readonly #channel: MessagePort
  readonly #ended: Promise<void>
  #silent = 0
  #listens = false

  constructor(start: StartThread, setup: Omit<WorkerSetup, 'channel'>, events: WorkerEvents) {
    const { port1, port2 } = new MessageChannel()
    this.#channel = port1
    this.#thread = start({ ...setup, channel: port2 })
    let cause: unknown
    const listening = Promise.withResolvers<number>()
    this.port = listening.promise
    this.port.catch(() => {})
    port1.on('message', (message: FromWorker) => {
      this.#silent = 0
      if (message.kind === 'alive') events.used(message.used, message.answered)
      else if (message.kind === 'listening') {
        this.#listens = true
        listening.resolve(message.port)
      } else {
        cause = Object.assign(new Error(message.message), { code: message.code })
      }
    })
    // Without a listener, an error in the thread would end the process.
    this.#thread.on('error', (error) => {
      cause = error
    })
    this.#ended = new Promise((resolve) => {
      this.#thread.once('exit', () => {
        this.#listens = false
        port1.close()
        listening.reject(cause ?? new Error('The thread ended before it listened.'))
        events.gone(cause)
        resolve()
      })
    })
  }

  get listens(): boolean {
    return this.#listens
  }

  send(message: ToWorker): void {
    this.#channel.postMessage(message)
  }

  /** To be called once a beat. True if it was silent for too long; it is then ended. */
  missesBeat(): boolean {
    if (!this.#listens || ++this.#silent <= PATIENCE) return false
    this.#listens = false
    void this.#thread.terminate()
    return true
  }

  /** Lets it finish what is in flight; `grace`: milliseconds after which it is ended all the same. */
  async close(grace: number): Promise<void> {
    this.send({ kind: 'close' })
    const timer = setTimeout(() => void this.#thread.terminate(), grace)
    await this.#ended
    clearTimeout(timer)
  }
}
