import { type Clock, epochSeconds } from '../clock.ts'
import type { CertId } from './cert-id.ts'
import { type CacheChange, type CachedResponse, keyOf, ResponseCache, subjectOf } from './response-cache.ts'
import type { SignedResponse } from './sign-response.ts'

/** One signature under way, for all who ask the same. Null: there is nothing to answer. */
interface Flight {
  readonly authority: string
  readonly serialNumber: string | null
  readonly answer: Promise<SharedResponse | null>
  /** The certificate changed after the flight may have read its status. */
  superseded: boolean
}

export interface SharedResponse extends SignedResponse {
  /** False for what may never be asked again, such as a made-up serial number: it would push out what is. */
  readonly isKept: boolean
}

export interface SharedAnswersContext {
  readonly entries: number
  readonly clock: Clock
  readonly sign: (authority: string, certId: CertId) => Promise<SharedResponse | null>
  readonly onError: (error: unknown) => void
  /** Hears of each change of what is held, in order and at once. */
  readonly changed: (change: CacheChange) => void
}

/** The parts of an answer's life after which it is signed anew: ahead of time if it is wanted, else when it is asked for. */
const AHEAD = 0.4
const STALE = 0.5
/** Signatures ahead of time under way at once: those that somebody waits for go first. */
const AT_ONCE = 8

/** Answers that many clients may share: one signature at a time for each CertID, kept until half of its life is over. */
export class SharedAnswers {
  readonly #context: SharedAnswersContext
  readonly #cache: ResponseCache
  readonly #flights = new Map<string, Flight>()

  constructor(context: SharedAnswersContext) {
    this.#context = context
    this.#cache = new ResponseCache(context.entries, context.changed)
  }

  /** At once what `get` would give, where the request was remembered and its answer is held and still fresh. */
  known(request: string): SignedResponse | null {
    const cached = this.#cache.find(request)
    if (!cached || !isFresh(cached, this.#now())) return null
    cached.wanted = true
    return cached
  }

  /** What a copy of all that is held must be told. */
  held(): Iterable<CacheChange> {
    return this.#cache.changes()
  }

  /** A copy gave these answers to somebody. */
  wanted(keys: readonly string[]): void {
    for (const key of keys) {
      const cached = this.#cache.get(key)
      if (cached) cached.wanted = true
    }
  }

  /** For `known`. The request must ask about this certificate alone, and for nothing that is not in every answer. */
  remember(request: string, certId: CertId): void {
    this.#cache.remember(keyOf(certId), request)
  }

  async get(authority: string, certId: CertId): Promise<SignedResponse | null> {
    const key = keyOf(certId)
    const cached = this.#cache.get(key)
    if (cached) cached.wanted = true
    if (cached && isFresh(cached, this.#now())) return cached
    try {
      return await this.#sign(authority, certId)
    } catch (error) {
      // Half a life is left to ride out a fault in, unless the certificate changed meanwhile.
      const usable = cached && this.#cache.get(key) === cached && this.#now() < cached.nextUpdate
      if (!usable) throw error
      this.#context.onError(error)
      return cached
    }
  }

  /**
   * After a change is durable: whoever asks from then on gets an answer that was signed after the change. Resolves once
   * those that were held are held anew; that one cannot be signed is told to `onError`.
   */
  async replace(authority: string, serialNumber: string): Promise<void> {
    const held = this.#cache.drop(subjectOf(authority, serialNumber))
    this.#supersede((flight) => flight.authority === authority && flight.serialNumber === serialNumber)
    await Promise.all(
      held.map(({ certId }) => this.#sign(authority, certId).catch((error) => this.#context.onError(error))),
    )
  }

  /** Takes away all that was signed for an authority: it is not to be believed any more. */
  dropAll(authority: string): void {
    for (const one of this.#cache.all()) {
      if (one.authority === authority) this.#cache.drop(subjectOf(authority, one.certId.serialNumber))
    }
    this.#supersede((flight) => flight.authority === authority)
  }

  /** Takes away the answers that would not be given any more. */
  keepOnly(holds: (response: CachedResponse) => boolean): void {
    for (const one of this.#cache.all()) {
      if (!holds(one)) this.#cache.drop(subjectOf(one.authority, one.certId.serialNumber))
    }
  }

  /** Signs anew what is wanted and soon stale, so that nobody waits for it. */
  async refreshAhead(): Promise<void> {
    const due = this.#cache.all().filter((one) => one.wanted && ageOf(one, this.#now()) >= AHEAD)
    const next = async () => {
      for (let one = due.pop(); one; one = due.pop()) {
        await this.#sign(one.authority, one.certId).catch((error) => this.#context.onError(error))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, next))
  }

  #sign(authority: string, certId: CertId): Promise<SharedResponse | null> {
    const key = keyOf(certId)
    const underWay = this.#flights.get(key)
    if (underWay) return underWay.answer
    const flight: Flight = {
      authority,
      serialNumber: certId.serialNumber,
      superseded: false,
      answer: this.#context
        .sign(authority, certId)
        .then((signed) => {
          // A status read before a revocation must not be kept after it.
          if (!signed && !flight.superseded) this.#cache.drop(subjectOf(authority, certId.serialNumber))
          if (signed?.isKept && !flight.superseded) {
            // A copy: the request that the bytes were read from would be kept with them.
            const bytes = Buffer.from(certId.bytes)
            this.#cache.put({ ...signed, authority, certId: { ...certId, bytes }, wanted: false })
          }
          return signed
        })
        .finally(() => {
          if (this.#flights.get(key) === flight) this.#flights.delete(key)
        }),
    }
    this.#flights.set(key, flight)
    return flight.answer
  }

  #supersede(isOver: (flight: Flight) => boolean): void {
    for (const [key, flight] of this.#flights) {
      if (!isOver(flight)) continue
      flight.superseded = true
      this.#flights.delete(key)
    }
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}

/** Whether the answer may still be given at this time, seconds since 1970. */
export function isFresh(response: Pick<SignedResponse, 'thisUpdate' | 'nextUpdate'>, now: number): boolean {
  return ageOf(response, now) <= STALE
}

/** How much of its life is over, from 0 to 1. */
function ageOf(
  { thisUpdate, nextUpdate }: Pick<SignedResponse, 'thisUpdate' | 'nextUpdate'>,
  now: number,
): number {
  const age = now - thisUpdate
  // A clock that was set back must not leave answers from the future in use.
  return age < 0 ? 1 : age / (nextUpdate - thisUpdate)
}
