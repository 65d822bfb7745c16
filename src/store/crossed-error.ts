import { CaError, type CaErrorOptions, type ErrorCode } from '../errors.ts'

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

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
