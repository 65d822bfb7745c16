import { type Count, type Tally, tally } from '../metrics/labelled.ts'
import type { OcspStatus } from './response.ts'

/** What a signed answer says of a certificate. "several": it speaks of more than one; "brought": it was signed elsewhere. */
export type SignedSays = 'good' | 'revoked' | 'unknown' | 'several' | 'brought'
export type OcspSays = SignedSays | Exclude<OcspStatus, 'successful'>

/**
 * How an answer was come by: before the request was read; from what is held; signed and held; signed for this request alone;
 * without a signature.
 */
export type OcspCache = 'at_once' | 'hit' | 'miss' | 'uncached' | 'none'

/** How often each was said by a copy in another thread, since it last told. */
export type Answered = Readonly<Partial<Record<SignedSays, number>>>

/** Answers to OCSP requests since the start, in all threads. */
export class AnswerCounts {
  readonly tally: Tally = tally('status', 'cache')
  readonly #atOnce: Readonly<Record<SignedSays, Count>>

  constructor() {
    const of = (says: SignedSays) => this.tally.of(says, 'at_once')
    const [good, revoked, unknown] = [of('good'), of('revoked'), of('unknown')]
    this.#atOnce = { good, revoked, unknown, several: of('several'), brought: of('brought') }
  }

  /** An addition and nothing else: the whole answer takes a few microseconds. */
  answeredAtOnce(says: SignedSays): void {
    this.#atOnce[says].count++
  }

  count({ says, cache }: { readonly says: OcspSays; readonly cache: OcspCache }): void {
    this.tally.of(says, cache).count++
  }

  add(answered: Answered): void {
    for (const [says, times] of Object.entries(answered)) this.#atOnce[says as SignedSays].count += times
  }
}
