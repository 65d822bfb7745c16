import type { ValidationContext } from './context.ts'
import { Deadline } from './deadline.ts'
import { validateHttp01 } from './http-01.ts'
import type { Challenge } from './key-authorization.ts'

/**
 * Throws `ValidationFailure` where the challenge is not met, and the signal's reason where that ends it. Nothing stays open.
 */
export async function validateChallenge(
  challenge: Challenge,
  context: ValidationContext,
  signal?: AbortSignal,
): Promise<void> {
  const deadline = new Deadline(context.timeout, signal)
  try {
    await validateHttp01(challenge, context, deadline)
  } finally {
    deadline.close()
  }
}
