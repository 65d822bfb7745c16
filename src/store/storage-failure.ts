import { CaError } from '../errors.ts'
import { accessRefusal } from './database-access.ts'

/** SQLite's result codes that speak of the disk or the file, not of one command. */
const STORAGE_FAILURE =
  /^SQLITE_(FULL|IOERR|CORRUPT|NOTADB|NOMEM|READONLY|CANTOPEN|BUSY|LOCKED|PROTOCOL|PERM|ABORT|INTERRUPT)/

export function isStorageFailure(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return typeof code === 'string' && STORAGE_FAILURE.test(code)
}

/** Whether a file that is there is at fault: one that is made has nothing in it that could be. */
export function isDamage(error: unknown): boolean {
  return isStorageFailure(error) && /^SQLITE_(CORRUPT|NOTADB)/.test((error as { code: string }).code)
}

/** Whether it is the file's owner and mode that keep this process out of it. */
export function isOutOfReach(error: unknown, file: string): boolean {
  return isNoAccess(error) && accessRefusal(file, error) !== null
}

function isNoAccess(error: unknown): boolean {
  return isStorageFailure(error) && /^SQLITE_(CANTOPEN|READONLY|PERM)/.test((error as { code: string }).code)
}

/** What whoever reads is told: "storeFailed" where the disk or the file is at fault, else the error itself. */
export function readError(error: unknown): unknown {
  if (!isStorageFailure(error)) return error
  const { code } = error as { code?: string }
  return new CaError('storeFailed', `The database could not be read (${code}). Try again.`, {
    retryAfter: 1,
    cause: error,
  })
}

/** The same of a file that may be damaged, for whoever opens it by hand. */
export function openingError(error: unknown, file: string): unknown {
  if (!isStorageFailure(error)) return error
  if (isNoAccess(error)) {
    const refusal = accessRefusal(file, error)
    if (refusal) return refusal
  }
  return new CaError('storeFailed', `The database ${file} cannot be read: ${(error as Error).message}.`, {
    cause: error,
  })
}

/** What whoever asks a store that closes, or is closed, is told. */
export function shuttingDown(): CaError {
  return new CaError('storeFailed', 'The service is shutting down.', { retryAfter: 1 })
}

type Reads = Record<string, (...parameters: never[]) => Promise<unknown>>

/** The same reads, which reject with what `told` makes of a failure. */
export function withFailuresTold<R extends object>(reads: R, told: (error: unknown) => unknown): R {
  const all = Object.entries(reads as Reads).map(([name, read]) => [
    name,
    async (...parameters: never[]) => {
      try {
        return await read(...parameters)
      } catch (error) {
        throw told(error)
      }
    },
  ])
  return Object.fromEntries(all) as R
}

/** The same of a file that is made: "storeFailed" where the disk or the file is at fault, else the error itself. */
export function makingError(error: unknown, file: string): unknown {
  if (!isStorageFailure(error)) return error
  const { message } = error as Error
  return new CaError(
    'storeFailed',
    `${file} could not be written: ${message}. Make room, or look after the disk; then try again.`,
    { cause: error },
  )
}
