import { ServiceError } from '../client/service-error.ts'
import { CaError } from '../errors.ts'
import type { Timing } from './timing.ts'

/** Milliseconds: the mean of the first wait is half of it. */
const FIRST = 4000
const SHORTEST = 1000
/** Whatever a Retry-After says. */
const LONGEST_RETRY_AFTER = 86_400_000

/** What became of one kind of work: how often it was tried, and when it may be tried again. */
export class Attempts {
  /** Since the start. */
  tried = 0
  failed = 0
  /** In a row. */
  failures = 0
  /** Of the last failure; null where the last attempt went well. */
  lastError: string | null = null
  lastFailure: unknown = null
  /** Milliseconds since 1970: not before. */
  notBefore = 0

  succeed(): void {
    this.failures = 0
    this.lastError = null
    this.lastFailure = null
    this.notBefore = 0
  }

  /**
   * Full jitter: at random up to a bound that doubles with each failure, as far as `most` milliseconds, so that agents that lost
   * their CA together do not come back together. Where the CA says when, not before that.
   */
  fail(error: unknown, most: number, { clock, random }: Timing): void {
    this.failed++
    this.failures++
    this.lastError = wordsOf(error)
    this.lastFailure = error
    const bound = Math.max(SHORTEST, Math.min(most, FIRST * 2 ** Math.min(this.failures - 1, 30)))
    const jitter = Math.max(SHORTEST, random() * bound)
    const asked = (error instanceof ServiceError ? (error.retryAfter ?? 0) : 0) * 1000
    this.notBefore = clock().getTime() + Math.min(asked, LONGEST_RETRY_AFTER) + jitter
  }

  /** Asks again after so many seconds, without having failed: an admin has not decided yet. */
  postpone(seconds: number, { clock, random }: Timing): void {
    this.failures = 0
    this.lastError = null
    this.lastFailure = null
    const wait = Math.max(SHORTEST, Math.min(seconds * 1000, LONGEST_RETRY_AFTER))
    this.notBefore = clock().getTime() + wait * (1 + random() / 10)
  }

  /** Somebody says that things have changed. */
  forgive(): void {
    this.failures = 0
    this.notBefore = 0
  }
}

/** A `CaError` has a sentence of its own for people. */
function wordsOf(error: unknown): string {
  if (error instanceof CaError) return error.detail
  return error instanceof Error ? error.message : String(error)
}
