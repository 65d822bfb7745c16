import { AcmeError, type AcmeErrorType } from '../problem.ts'

/**
 * What asking again may bring. `unreachable`: nobody answered, or a name does not resolve yet. `content`: there was an answer
 * and it is not the expected one, which new records and files may be for a while until they have spread. `final`: the client or
 * the owner of the name has to change something first, such as a redirect, an address that is refused or a CAA record.
 */
export type Retry = 'unreachable' | 'content' | 'final'

/** A challenge that was not met. `detail` says what was found and what was expected, in bounded, printable text. */
export class ValidationFailure extends AcmeError {
  readonly retry: Retry

  constructor(type: AcmeErrorType, detail: string, retry: Retry, cause?: unknown) {
    super(type, detail, { cause })
    this.name = 'ValidationFailure'
    this.retry = retry
  }
}

/** Whether trying again may help. An abort and a fault of this program are no failures of validation, so neither is transient. */
export function isTransient(error: unknown): boolean {
  return error instanceof ValidationFailure && error.retry !== 'final'
}
