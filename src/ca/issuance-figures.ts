import type { Origin } from '../auth/principal.ts'
import { CaError, type ErrorCode } from '../errors.ts'
import { samplesOf, tally } from '../metrics/labelled.ts'
import { instant, secondsSince, timingsBy } from '../metrics/timings.ts'

/** Nobody was refused: the service could not do it. */
const FAILURES: ReadonlySet<ErrorCode> = new Set([
  'internal',
  'storeFailed',
  'overloaded',
  'authorityNotReady',
])

/** How each request for a certificate ended. "replayed": it has the certificate of an earlier one. */
export type IssuanceResult = 'issued' | 'replayed' | 'pending' | 'refused' | 'failed'

/** What the issuer did since the start. */
export class IssuanceFigures {
  readonly #results = tally('profile', 'protocol', 'result')
  readonly #refusals = tally('protocol', 'code')
  /** Seconds from the request, read, to its outcome. */
  readonly durations = timingsBy('protocol')

  readonly results = () => samplesOf(this.#results)
  /** By the code of the error, failures included. */
  readonly refusals = () => samplesOf(this.#refusals)

  /** Counts what becomes of the work, which it begins. `profile`: asked for at its end; null where it is none of ours. */
  async count<T extends { outcome: 'issued'; replayed: boolean } | { outcome: 'pending' }>(
    { protocol = 'library' }: { readonly protocol?: Origin['protocol'] | 'library' },
    profile: () => string | null,
    work: () => Promise<T>,
  ): Promise<T> {
    const start = instant()
    let result: IssuanceResult = 'failed'
    try {
      const done = await work()
      result = done.outcome === 'issued' && done.replayed ? 'replayed' : done.outcome
      return done
    } catch (error) {
      const code = error instanceof CaError ? error.code : 'internal'
      if (!FAILURES.has(code)) result = 'refused'
      this.#refusals.of(protocol, code).count++
      throw error
    } finally {
      this.durations.of(protocol).observe(secondsSince(start))
      this.#results.of(profile() ?? 'none', protocol, result).count++
    }
  }
}
