import type { MessagePort } from 'node:worker_threads'
import type { Answered } from '../ocsp/answer-counts.ts'
import type { CopyChange } from '../ocsp/held-copy.ts'

export interface WorkerSetup {
  /** From 1; in request ids. */
  readonly number: number
  readonly host: string
  /** 0: any; the first worker finds out which. */
  readonly port: number
  /** Connections that the system holds until they are taken. */
  readonly backlog: number
  readonly logLevel: string
  /** That it may hold at once. */
  readonly connections: number
  /** Where the main thread answers what a worker does not: a Unix socket. */
  readonly mainSocket: string
  /** One Int32, shared: the number of the newest `Changes` that was posted. */
  readonly newest: Int32Array
  readonly channel: MessagePort
}

/** All that changed, in order, up to and with this number. */
export interface Changes {
  readonly kind: 'changes'
  readonly number: number
  readonly changes: readonly CopyChange[]
}

export type ToWorker = Changes | { readonly kind: 'close' }

export type FromWorker =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'refused'; readonly code: string | undefined; readonly message: string }
  /** Each second, with the keys of the answers that were given meanwhile, and how many there were. */
  | { readonly kind: 'alive'; readonly used: readonly string[]; readonly answered: Answered }

/** How often a worker says that it is alive. Milliseconds. */
export const BEAT = 1000
