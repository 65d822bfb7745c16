import { EventEmitter } from 'node:events'
import type { Worker } from 'node:worker_threads'
import type { FromWriter, ToWriter, WriterSettings } from '../../src/store/writer-messages.ts'
import type { WriterThread } from '../../src/store/writer-queue.ts'

/** Writers that can be made to hang, as on a disk that does not answer: what they are sent waits until they go on. */
class Hanging {
  #isHung = false
  readonly #waiting: (() => void)[] = []

  /** In the place of `worker`. */
  around(worker: Worker): WriterThread {
    const events = new EventEmitter()
    worker.on('message', (message: FromWriter) => events.emit('message', message))
    worker.on('error', (error) => events.emit('error', error))
    worker.on('exit', () => events.emit('exit'))
    const send = (message: ToWriter) => worker.postMessage(message)
    return Object.assign(events, {
      postMessage: (message: ToWriter) => {
        if (this.#isHung) this.#waiting.push(() => send(message))
        else send(message)
      },
    })
  }

  hang(): void {
    this.#isHung = true
  }

  /** The disk answers once, and hangs again. */
  goOnOnce(): void {
    this.#waiting.shift()!()
  }

  goOn(): void {
    this.#isHung = false
    for (const send of this.#waiting.splice(0)) send()
  }
}

/** Those of this test file. */
export const hanging = new Hanging()

/** In the place of the module that starts threads. */
export function hangingThreads(threads: typeof import('../../src/store/threads.ts')): object {
  return {
    ...threads,
    startWriter: (settings: WriterSettings) => hanging.around(threads.startWriter(settings)),
  }
}
