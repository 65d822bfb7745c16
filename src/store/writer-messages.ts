import { CaError, type CaErrorOptions, type ErrorCode } from '../errors.ts'
import type { CommandKind, Commands } from './commands.ts'

/** What passes between the main thread and the writer thread. */

export interface QueuedCommand {
  id: number
  kind: CommandKind
  input: Commands[CommandKind]['input']
}

export type ToWriter = { kind: 'commands'; commands: readonly QueuedCommand[] } | { kind: 'close' }

export type Answer = { id: number; output: unknown } | { id: number; error: CrossedError }

export type FromWriter =
  /** The database is open and migrated. */
  | { kind: 'ready' }
  /** It could not be opened; the thread ends. */
  | { kind: 'unusable'; error: CrossedError }
  | { kind: 'answers'; answers: readonly Answer[]; healthy: boolean }
  /** A probe was committed after a failure. */
  | { kind: 'recovered' }
  | { kind: 'closed' }

export interface WriterSettings {
  file: string
  probeMilliseconds: number
}

/** A `CaError` as plain data: structured cloning would make a bare Error of it. */
export interface CrossedError {
  code: ErrorCode
  detail: string
  retryAfter: number | null
  /** Text for the log. */
  cause: string | null
}

export function toCrossed(error: unknown): CrossedError {
  if (!(error instanceof CaError)) {
    return {
      code: 'internal',
      detail: 'The store could not do this.',
      retryAfter: null,
      cause: stackOf(error),
    }
  }
  const { code, detail, retryAfter, cause } = error
  return { code, detail, retryAfter: retryAfter ?? null, cause: cause === undefined ? null : stackOf(cause) }
}

export function fromCrossed({ code, detail, retryAfter, cause }: CrossedError): CaError {
  const options: CaErrorOptions = {}
  if (retryAfter !== null) options.retryAfter = retryAfter
  if (cause !== null) options.cause = new Error(cause)
  return new CaError(code, detail, options)
}

/** The database cannot take writes now, or did not survive this one. */
export function storeFailed(detail: string, cause?: unknown): CaError {
  return new CaError(
    'storeFailed',
    detail,
    cause === undefined ? { retryAfter: 1 } : { retryAfter: 1, cause },
  )
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
