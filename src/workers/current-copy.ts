import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'
import type { HeldCopy } from '../ocsp/held-copy.ts'
import type { SignedResponse } from '../ocsp/sign-response.ts'
import type { Changes, ToWorker } from './messages.ts'

/**
 * The copy of the main thread's answers, never older than the number that the main thread wrote last. It writes that number
 * after it posted the changes and before it lets a revocation return: so who is asked after that finds the number, reads what
 * was posted, and cannot give what was before; however long this thread was held up, nobody needs to wait for it.
 */
export class CurrentCopy {
  readonly #copy: HeldCopy
  readonly #channel: MessagePort
  readonly #newest: Int32Array
  #applied: number | null = null

  constructor(copy: HeldCopy, channel: MessagePort, newest: Int32Array) {
    this.#copy = copy
    this.#channel = channel
    this.#newest = newest
  }

  known(asked: string): SignedResponse | null {
    if (!this.#isCurrent()) this.#catchUp()
    // Still not: then the main thread answers.
    return this.#isCurrent() ? this.#copy.known(asked) : null
  }

  apply({ number, changes }: Changes): void {
    for (const change of changes) this.#copy.apply(change)
    this.#applied = number
  }

  #isCurrent(): boolean {
    return Atomics.load(this.#newest, 0) === this.#applied
  }

  #catchUp(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#channel)?.message as ToWorker | undefined
      if (!received) return
      if (received.kind === 'changes') this.apply(received)
      else this.#channel.emit('message', received)
    }
  }
}
