import type { Authority } from '../ca/authority.ts'
import { type Clock, epochSeconds, rfc3339 } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { CrlBuilder } from './builder.ts'
import { Publication, type PublicationContext } from './publication.ts'
import type { PublishedCrl } from './published-crl.ts'

export interface CrlPublisherOptions {
  readonly authorities: () => readonly Authority[]
  readonly store: Store
  readonly clock: Clock
  /** Seconds from thisUpdate to nextUpdate; by default 7 days. */
  readonly lifetime?: number
  /** Seconds after which a CRL is replaced even if nothing was revoked; by default 1 day. */
  readonly refreshAfter?: number
  /** Milliseconds that a CRL waits for further revocations to join it; by default 50. */
  readonly coalesce?: number
  /** Hears of every publication that failed, also of those that nobody waited for. */
  readonly onError: (authority: string, error: unknown) => void
  /** Hears once a day at most that somebody has to bring a CRL of an authority whose key is elsewhere, and why. */
  readonly onLack?: (authority: string, reason: string) => void
}

export interface CrlHealth {
  readonly authority: string
  readonly number: number | null
  /** Seconds since 1970. */
  readonly nextUpdate: number | null
  /** False when relying parties that check CRLs refuse this authority's certificates. */
  readonly ok: boolean
  /** What is wrong or soon will be, or went wrong at the last attempt. */
  readonly reason: string | null
}

const HOUR = 3600
const DAY = 24 * HOUR
/** Somebody has to fetch a key from a safe: they should hear of it in time. */
const NOTICE = 30 * DAY
/** The clock is looked at this often at least: a machine that slept wakes with its timers late. */
const LONGEST_WAIT = HOUR

/**
 * Makes the CRLs of every authority whose key is here, and keeps the others' as they are stored: a root's CRL
 * is signed where its key is, and brought here. To be stopped before the store is closed.
 */
export class CrlPublisher {
  readonly #authorities: () => readonly Authority[]
  readonly #context: PublicationContext
  readonly #publications = new Map<string, Publication>()
  readonly #onLack: (authority: string, reason: string) => void
  /** When `onLack` was last told, by authority. Seconds since 1970. */
  readonly #toldAt = new Map<string, number>()
  #timer: NodeJS.Timeout | null = null
  #state: 'new' | 'started' | 'stopped' = 'new'

  constructor(options: CrlPublisherOptions) {
    this.#authorities = options.authorities
    this.#onLack = options.onLack ?? (() => {})
    this.#context = {
      store: options.store,
      clock: options.clock,
      builder: new CrlBuilder(options.store.databaseFile),
      authority: (id) => options.authorities().find((one) => one.id === id),
      lifetime: options.lifetime ?? 7 * DAY,
      refreshAfter: options.refreshAfter ?? DAY,
      coalesce: options.coalesce ?? 50,
      onError: options.onError,
    }
  }

  /** From memory; null if there is no such authority or it has no CRL. */
  current(authority: string): PublishedCrl | null {
    return this.#publications.get(authority)?.current ?? null
  }

  /** A CRL that holds every revocation that was durable before the call. Rejects if it cannot be made. */
  async publish(authority: string): Promise<PublishedCrl> {
    this.#refuseIfStopped()
    if (!this.#context.authority(authority)) {
      throw new CaError('unknownAuthority', `There is no authority "${authority}".`)
    }
    try {
      return await this.#publication(authority).next()
    } finally {
      this.#schedule()
    }
  }

  /** Takes over a CRL that was brought just now. */
  async reload(authority: string): Promise<void> {
    this.#refuseIfStopped()
    await this.#publication(authority).load()
  }

  /**
   * Loads what is stored, publishes what is missing, stale or overtaken, and from then on keeps to the schedule.
   * To be called again when an authority was added.
   */
  async start(): Promise<void> {
    this.#refuseIfStopped()
    this.#state = 'started'
    await Promise.all(
      this.#authorities().map(async (authority) => {
        const publication = this.#publication(authority.id)
        await publication.load()
        if (!this.#canSign(authority)) return
        // A revocation that was acknowledged just before the process died may have missed the last CRL.
        if (this.#isDue(publication) || (await publication.isOvertaken())) await this.#attempt(authority.id)
      }),
    )
    this.#tellLacks()
    this.#schedule()
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    if (this.#timer) clearTimeout(this.#timer)
    for (const publication of this.#publications.values()) await publication.idle()
    await this.#context.builder.close()
  }

  /** One for each authority whose certificate has not expired. */
  health(): CrlHealth[] {
    const now = this.#now()
    return this.#authorities()
      .filter(({ certificate }) => certificate.notAfter > now)
      .map((authority) => {
        const { current, failure } = this.#publication(authority.id)
        return {
          authority: authority.id,
          number: current?.number ?? null,
          nextUpdate: current?.nextUpdate ?? null,
          // Whoever keeps a root elsewhere may do without its CRL: what this service does needs none.
          ok: current ? current.nextUpdate > now : authority.signer === null,
          reason: failure ?? this.#lackOf(authority),
        }
      })
  }

  #lackOf({ id, signer }: Authority): string | null {
    const { current } = this.#publication(id)
    const now = this.#now()
    const help = ` Its key is not here: sign a CRL where the key is, and bring it with "chancery crl install ${id} FILE".`
    if (!current) {
      return signer
        ? 'It has no CRL.'
        : `It has no CRL, which consumers that check the whole chain need.${help}`
    }
    if (current.nextUpdate <= now) return signer ? 'Its CRL has expired.' : `Its CRL has expired.${help}`
    if (signer || current.nextUpdate > now + NOTICE) return null
    return `Its CRL ends at ${rfc3339(current.nextUpdate)}.${help}`
  }

  #tellLacks(): void {
    const now = this.#now()
    for (const authority of this.#authorities()) {
      const { id, signer, certificate } = authority
      const reason = signer || certificate.notAfter <= now ? null : this.#lackOf(authority)
      if (reason === null || now - (this.#toldAt.get(id) ?? 0) < DAY) continue
      this.#toldAt.set(id, now)
      this.#onLack(id, reason)
    }
  }

  #schedule(): void {
    if (this.#state !== 'started') return
    if (this.#timer) clearTimeout(this.#timer)
    const waits = this.#authorities()
      .filter((authority) => this.#canSign(authority))
      .map(({ id }) => this.#publication(id).dueAt() - this.#now())
    const wait = Math.max(1, Math.min(LONGEST_WAIT, ...waits))
    this.#timer = setTimeout(() => void this.#tick(), wait * 1000)
    this.#timer.unref()
  }

  async #tick(): Promise<void> {
    for (const authority of this.#authorities()) {
      const publication = this.#publication(authority.id)
      if (!this.#canSign(authority)) {
        // A newer CRL may have been brought.
        await publication.load().catch((error: unknown) => this.#context.onError(authority.id, error))
      } else if (this.#isDue(publication)) await this.#attempt(authority.id)
    }
    this.#tellLacks()
    this.#schedule()
  }

  /** A failure is kept for `health`, told to `onError`, and tried again by the timer. */
  async #attempt(authority: string): Promise<void> {
    await this.publish(authority).catch(() => {})
  }

  #refuseIfStopped(): void {
    if (this.#state !== 'stopped') return
    throw new CaError('overloaded', 'The service is stopping.', { retryAfter: 5 })
  }

  #publication(id: string): Publication {
    const publication = this.#publications.get(id) ?? new Publication(id, this.#context)
    this.#publications.set(id, publication)
    return publication
  }

  #isDue(publication: Publication): boolean {
    return publication.dueAt() <= this.#now()
  }

  #canSign({ signer, certificate }: Authority): boolean {
    return signer !== null && certificate.notAfter > this.#now()
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}

export function createCrlPublisher(options: CrlPublisherOptions): CrlPublisher {
  return new CrlPublisher(options)
}
