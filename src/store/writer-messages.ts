import { CaError } from '../errors.ts'
import type { CommandKind, Commands, IssuanceRecord } from './commands.ts'
import type { CrossedError } from './crossed-error.ts'
import type { NoticeSettings } from './notice-commands.ts'

/** What passes between the main thread and the writer thread. */

export interface QueuedCommand {
  id: number
  kind: CommandKind
  input: Commands[CommandKind]['input']
}

/** One that only needs to be written. */
export type ReadyCommand = {
  [K in CommandKind]: { id: number; kind: K; input: ReadyInput<K> }
}[CommandKind]

export type ReadyInput<K extends CommandKind> = K extends 'recordIssuance'
  ? IssuanceRecord
  : Commands[K]['input']

export type ToWriter = { kind: 'commands'; commands: readonly QueuedCommand[] } | { kind: 'close' }

export type Answer = { id: number; output: unknown } | { id: number; error: CrossedError }

/** Of one batch that was committed. Seconds, but for the first. */
export interface BatchTimes {
  /** That shared it. */
  commands: number
  /** All of it: the commands and the commit. */
  batch: number
  /** Before it, proofs and signatures. */
  signing: number
  /** The commit alone, which waits for the disk. */
  commit: number
}

export type FromWriter =
  /** The database is open and migrated. */
  | { kind: 'ready' }
  /** It could not be opened; the thread ends. */
  | { kind: 'unusable'; error: CrossedError }
  /** `failed`: of none is it known that it is on record. `times`: null then, and where there was nothing to write. */
  | {
      kind: 'answers'
      answers: readonly Answer[]
      healthy: boolean
      failed: boolean
      times: BatchTimes | null
    }
  /** A checkpoint failed: no command did, but none is taken before it has recovered. */
  | { kind: 'failed' }
  /** A probe was committed after a failure. */
  | { kind: 'recovered' }

export interface WriterSettings {
  file: string
  /** As `identityOf`; absent before the database was first opened. */
  identity?: string | null
  probeMilliseconds: number
  notices?: NoticeSettings | undefined
}

/** The database cannot take writes now, or did not survive this one. */
export function storeFailed(detail: string, cause?: unknown): CaError {
  return new CaError(
    'storeFailed',
    detail,
    cause === undefined ? { retryAfter: 1 } : { retryAfter: 1, cause },
  )
}
