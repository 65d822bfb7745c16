import type { Clock } from '../clock.ts'
import type { Store } from '../store/store.ts'
import { Sweeper } from '../store/sweeper.ts'

interface IdempotencyKeysContext {
  readonly store: Store
  readonly clock: Clock
  /** For how long a key counts after the certificate that it gave. Seconds. */
  readonly life: number
  readonly onError: (error: unknown) => void
}

/** A key of a certificate that was issued before counts no more, removed or not. Milliseconds since 1970. */
export function keysCountFrom(now: Date, life: number): number {
  return now.getTime() - life * 1000
}

/** Removes the keys that count no more. */
export function idempotencyKeySweeper({ store, clock, life, onError }: IdempotencyKeysContext): Sweeper {
  return new Sweeper(
    (limit) => store.write('sweepIdempotencyKeys', { issuedBefore: keysCountFrom(clock(), life), limit }),
    onError,
  )
}
