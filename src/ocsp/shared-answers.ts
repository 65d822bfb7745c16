import { type Clock, epochSeconds } from '../clock.ts'
import { type CachedResponse, ResponseCache } from './response-cache.ts'
import type { SignedResponse } from './sign-response.ts'

/** One signature under way, for all who ask the same. Null: there is nothing to answer. */
interface Flight {
  readonly subject: string
  readonly answer: Promise<SignedResponse | null>
  /** The certificate changed after the flight may have read its status. */
  superseded: boolean
}

/**
 * Answers that many clients may share: one signature at a time for each CertID, kept until half of its life
 * is over. `key` is the CertID, `subject` "authority/serial number".
 */
export class SharedAnswers {
  readonly #cache: ResponseCache
  readonly #flights = new Map<string, Flight>()
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void

  constructor(entries: number, clock: Clock, onError: (error: unknown) => void) {
    this.#cache = new ResponseCache(entries)
    this.#clock = clock
    this.#onError = onError
  }

  async get(
    key: string,
    subject: string,
    sign: () => Promise<SignedResponse | null>,
  ): Promise<SignedResponse | null> {
    const cached = this.#cache.get(key)
    if (cached && this.#isFresh(cached)) return cached
    const flight = this.#flights.get(key) ?? this.#takeOff(key, subject, sign)
    try {
      return await flight.answer
    } catch (error) {
      // Half a life is left to ride out a fault in, unless the certificate changed meanwhile.
      const usable = cached && this.#cache.get(key) === cached && this.#now() < cached.nextUpdate
      if (!usable) throw error
      this.#onError(error)
      return cached
    }
  }

  /** After a change is durable: whoever asks from then on gets an answer that was signed after the change. */
  drop(subject: string): void {
    this.#cache.drop(subject)
    for (const [key, flight] of this.#flights) {
      if (flight.subject !== subject) continue
      flight.superseded = true
      this.#flights.delete(key)
    }
  }

  #takeOff(key: string, subject: string, sign: () => Promise<SignedResponse | null>): Flight {
    const flight: Flight = {
      subject,
      superseded: false,
      answer: sign()
        .then((signed) => {
          // A status read before a revocation must not be kept after it.
          if (signed && !flight.superseded) this.#cache.put(key, { subject, ...signed })
          return signed
        })
        .finally(() => {
          if (this.#flights.get(key) === flight) this.#flights.delete(key)
        }),
    }
    this.#flights.set(key, flight)
    return flight
  }

  #isFresh({ thisUpdate, nextUpdate }: CachedResponse): boolean {
    const age = this.#now() - thisUpdate
    // A clock that was set back must not leave answers from the future in use.
    return age >= 0 && age * 2 <= nextUpdate - thisUpdate
  }

  #now(): number {
    return epochSeconds(this.#clock())
  }
}
