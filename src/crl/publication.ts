import type { Authority } from '../ca/authority.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import type { CrlBuilder } from './builder.ts'
import { Coalesced } from './coalesced.ts'
import { type PublishedCrl, publishedCrl } from './published-crl.ts'
import { signNextCrl } from './sign-crl.ts'

export interface PublicationContext {
  readonly store: Store
  readonly clock: Clock
  readonly builder: CrlBuilder
  /** The authority as it is now, since its certificate may be replaced while the service runs. */
  readonly authority: (id: string) => Authority | undefined
  /** Seconds from thisUpdate to nextUpdate. */
  readonly lifetime: number
  /** Seconds from one scheduled CRL to the next. */
  readonly refreshAfter: number
  /** Milliseconds that a CRL waits for further revocations to join it. */
  readonly coalesce: number
  readonly onError: (authority: string, error: unknown) => void
}

/** Seconds. */
const RETRY_AFTER = 60

/** The succession of one authority's CRLs. */
export class Publication {
  readonly #id: string
  readonly #context: PublicationContext
  readonly #runs: Coalesced<PublishedCrl>
  #current: PublishedCrl | null = null
  #failure: { readonly reason: string; readonly at: number } | null = null

  constructor(id: string, context: PublicationContext) {
    this.#id = id
    this.#context = context
    this.#runs = new Coalesced(() => this.#makeNext(), context.coalesce)
  }

  get current(): PublishedCrl | null {
    return this.#current
  }

  /** Why the last attempt failed; null if it did not. */
  get failure(): string | null {
    return this.#failure?.reason ?? null
  }

  /** Resolves to a CRL that was begun after the call. */
  next(): Promise<PublishedCrl> {
    return this.#runs.run()
  }

  idle(): Promise<void> {
    return this.#runs.idle()
  }

  /** Takes over the newest CRL that is stored. */
  async load(): Promise<void> {
    const stored = await this.#context.store.read.latestCrl(this.#id)
    // A newer one may have been made while this one was read.
    if (stored && stored.number > (this.#current?.number ?? 0)) this.#current = publishedCrl(stored)
  }

  /** Whether there are revocations or releases that the current CRL does not know of. */
  async isOvertaken(): Promise<boolean> {
    const current = this.#current
    return current !== null && !(await this.#context.builder.isCurrent(this.#id, current))
  }

  /** When the next CRL is needed, in seconds since 1970; in the past if at once. */
  dueAt(): number {
    if (this.#failure) return this.#failure.at + RETRY_AFTER
    const current = this.#current
    // One from the future was made before the clock was set back; relying parties refuse it.
    if (!current || current.thisUpdate > this.#now()) return 0
    return Math.min(current.thisUpdate + this.#context.refreshAfter, current.nextUpdate)
  }

  async #makeNext(): Promise<PublishedCrl> {
    const { store, builder, authority, lifetime, refreshAfter, onError } = this.#context
    try {
      const issuer = authority(this.#id)
      if (!issuer) throw new CaError('unknownAuthority', `There is no authority "${this.#id}".`)
      const previous = await store.read.latestCrl(this.#id)
      const crl = await signNextCrl(issuer, previous, builder, { now: this.#now(), lifetime, refreshAfter })
      // Stored before it is served: a number that was seen must never come again with other contents.
      await store.write('recordCrl', { authority: this.#id, ...crl })
      this.#failure = null
      this.#current = publishedCrl(crl)
      return this.#current
    } catch (error) {
      const reason = error instanceof CaError ? error.detail : 'The CRL could not be made.'
      this.#failure = { reason, at: this.#now() }
      onError(this.#id, error)
      throw error
    }
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}
