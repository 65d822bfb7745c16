import { type Clock, epochSeconds } from '../clock.ts'
import type { Answered } from './answer-counts.ts'
import { isFresh } from './shared-answers.ts'
import type { SignedResponse } from './sign-response.ts'

/** `CacheChange` as it crosses to a copy in another thread. */
export type CopyChange =
  | { readonly kind: 'put'; readonly key: string; readonly response: CrossingResponse }
  | { readonly kind: 'remove'; readonly key: string }
  | { readonly kind: 'remember'; readonly request: string; readonly key: string }
  | { readonly kind: 'forget'; readonly request: string }

/** The octets as Latin-1 text: a Buffer would bring along all of the memory that it is a window of. */
export type CrossingResponse = Omit<SignedResponse, 'der'> & { readonly der: string }

/** A copy of the answers that the responder holds, by the requests that were remembered. It is as current as it was told. */
export class HeldCopy {
  readonly #clock: Clock
  readonly #responses = new Map<string, SignedResponse>()
  readonly #known = new Map<string, string>()
  #used = new Set<string>()
  #answered: { -readonly [Says in keyof Answered]: number } = {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  apply(change: CopyChange): void {
    if (change.kind === 'put') {
      const { key, response } = change
      this.#responses.set(key, { ...response, der: Buffer.from(response.der, 'latin1') })
    } else if (change.kind === 'remove') this.#responses.delete(change.key)
    else if (change.kind === 'remember') this.#known.set(change.request, change.key)
    else this.#known.delete(change.request)
  }

  known(request: string): SignedResponse | null {
    const key = this.#known.get(request)
    const response = key === undefined ? undefined : this.#responses.get(key)
    if (!response || !isFresh(response, epochSeconds(this.#clock()))) return null
    this.#used.add(key!)
    this.#answered[response.says] = (this.#answered[response.says] ?? 0) + 1
    return response
  }

  /** The keys of the answers that were given since the last call. */
  takeUsed(): string[] {
    const used = [...this.#used]
    this.#used = new Set()
    return used
  }

  /** How many answers were given since the last call. */
  takeAnswered(): Answered {
    const answered = this.#answered
    this.#answered = {}
    return answered
  }
}
