import { expect } from 'vitest'
import { AcmeError, type AcmeErrorType } from '../../src/acme/problem.ts'

/** Runs what ACME must refuse; the error, for more to be asked of it. */
export async function acmeRefusal(run: () => unknown): Promise<AcmeError> {
  try {
    await run()
  } catch (error) {
    expect(error).toBeInstanceOf(AcmeError)
    return error as AcmeError
  }
  throw new Error('it was not refused')
}

export async function expectAcmeError(
  run: () => unknown,
  type: AcmeErrorType,
  reason: RegExp,
): Promise<void> {
  const error = await acmeRefusal(run)
  expect(error.detail).toMatch(reason)
  expect(error.type).toBe(type)
}
