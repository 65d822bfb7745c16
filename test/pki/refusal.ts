import { expect } from 'vitest'
import { CaError, type ErrorCode } from '../../src/errors.ts'

/** The same for what is decided later. */
export async function refused(running: Promise<unknown>): Promise<CaError> {
  const outcome = await running.catch((error: unknown) => error)
  return refusal(() => {
    if (outcome instanceof Error) throw outcome
  })
}

export async function expectRefused(
  running: Promise<unknown>,
  code: ErrorCode,
  reason: RegExp,
): Promise<void> {
  const error = await refused(running)
  expectRefusal(
    () => {
      throw error
    },
    code,
    reason,
  )
}

/** Runs what must be refused; the error, for more to be asked of it. */
export function refusal(run: () => unknown): CaError {
  try {
    run()
  } catch (error) {
    expect(error).toBeInstanceOf(CaError)
    return error as CaError
  }
  throw new Error('it was not refused')
}

export function expectRefusal(run: () => unknown, code: ErrorCode, reason: RegExp): void {
  const error = refusal(run)
  expect(error.detail).toMatch(reason)
  expect(error.code).toBe(code)
}

/** For bytes that may or may not be valid: what is not is refused by a CaError, and nothing else is ever thrown. */
export function parsesOrRefuses<T>(run: () => T): T | undefined {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof CaError)) throw error
    return undefined
  }
}
