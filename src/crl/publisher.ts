import { dirname, join } from 'node:path'
import type { Authority } from '../ca/authority.ts'
import type { PublicUrls } from '../ca/certificate-template.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import type { CrlOptions } from '../config/authority-schema.ts'
import { DailyWarnings } from '../daily-warnings.ts'
import { CaError } from '../errors.ts'
import type { CrlScope } from '../store/commands.ts'
import type { Store } from '../store/store.ts'
import { Turns } from '../turns.ts'
import { CrlBuilder } from './builder.ts'
import { CrlFiles } from './crl-files.ts'
import type { Publication, PublicationContext } from './publication.ts'
import { Publications } from './publications.ts'
import type { PublishedCrl } from './published-crl.ts'
import { type CrlHealth, isServed, lackOf, oversizeOf, shortcomingOf } from './shortcomings.ts'

export interface CrlPublisherOptions {
  readonly authorities: () => readonly Authority[]
  readonly store: Store
  readonly clock: Clock
  /** Of one authority. */
  readonly options: (authority: string) => CrlOptions
  /** Where CRLs are; null where no address lasts, so that none can be named in a CRL. */
  readonly urls: () => PublicUrls | null
  /** Milliseconds that a CRL waits for further revocations to join it; by default 50. */
  readonly coalesce?: number
  /** Hears of every publication that failed, also of those that nobody waited for. */
  readonly onError: (authority: string, error: unknown) => void
  /** Hears once a day at most what somebody has to do for an authority's CRLs, and why. */
  readonly onWarning?: (authority: string, reason: string) => void
}

/** The clock is looked at this often at least: a machine that slept wakes with its timers late. Seconds. */
const LONGEST_WAIT = 3600
/** And this often whether something is due, since a clock that is set right leaps past its timers. Milliseconds. */
const LEAP_LOOK = 1000
/** Enough that many share one sync of the disk, and few beside what may wait for it. */
const MADE_AT_ONCE = 32

/**
 * Makes the CRLs of every authority whose key is here, and keeps the others' as they are stored: a root's CRL
 * is signed where its key is, and brought here. To be stopped before the store is closed.
 */
export class CrlPublisher {
  readonly #authorities: () => readonly Authority[]
  readonly #context: PublicationContext
  readonly #publications: Publications
  readonly #warnings: DailyWarnings
  readonly #listeners: ((authority: string) => void)[] = []
  #timer: NodeJS.Timeout | null = null
  readonly #leaps: NodeJS.Timeout
  #isLoaded = false
  /** Under way, starts among them: what is due is being made then, and a look at the clock would make it once more. */
  #ticks = 0
  #state: 'new' | 'started' | 'stopped' = 'new'

  constructor(options: CrlPublisherOptions) {
    this.#leaps = setInterval(() => {
      if (this.#state === 'started' && this.#ticks === 0 && this.#isAnyDue()) void this.#tick()
    }, LEAP_LOOK).unref()
    this.#authorities = options.authorities
    this.#warnings = new DailyWarnings(options.onWarning ?? (() => {}))
    this.#context = {
      store: options.store,
      clock: options.clock,
      builder: new CrlBuilder(options.store),
      files: new CrlFiles(join(dirname(options.store.databaseFile), 'crls')),
      turns: new Turns(MADE_AT_ONCE),
      authority: (id) => options.authorities().find((one) => one.id === id),
      options: options.options,
      urls: options.urls,
      coalesce: options.coalesce ?? 50,
      onError: options.onError,
      published: (authority) => {
        for (const listener of this.#listeners) listener(authority)
        // While what is stored is being loaded, more seems to be missing than is.
        if (this.#isLoaded) this.#warn()
      },
    }
    this.#publications = new Publications(this.#context)
  }

  /** The full CRL of all certificates, from memory; null if there is no such authority or it has no CRL. */
  current(authority: string): PublishedCrl | null {
    return this.#publications.of(authority)[0].current
  }

  /** Likewise for any scope; null too where such a CRL is not published. */
  find({ authority, partition }: CrlScope, kind: 'full' | 'delta'): PublishedCrl | null {
    const publication = this.#publications.of(authority).find(({ scope }) => scope.partition === partition)
    return (kind === 'full' ? publication?.current : publication?.delta) ?? null
  }

  /** Whether there has ever been a full CRL of all certificates, even if it is lost or has expired. */
  hasPublished(authority: string): boolean {
    return this.#publications.of(authority)[0].hasBegun
  }

  /** The numbers of the partitions that are published. */
  partitions(authority: string): number[] {
    return this.#publications.of(authority).flatMap(({ scope }) => scope.partition ?? [])
  }

  /** Called with the authority after a CRL of it was replaced, brought ones included. */
  onPublished(listener: (authority: string) => void): void {
    this.#listeners.push(listener)
  }

  /**
   * CRLs that hold every revocation that was durable before the call, of all certificates and of the `partitions` in which
   * something changed. Resolves to the full one; rejects if one cannot be made.
   */
  async publish(authority: string, partitions: Iterable<number> = []): Promise<PublishedCrl> {
    this.#refuseIfStopped()
    if (!this.#context.authority(authority)) {
      throw new CaError('unknownAuthority', `There is no authority "${authority}".`)
    }
    const [whole, ...parts] = this.#publications.of(authority)
    const changed = new Set(partitions)
    try {
      const [crl] = await Promise.all(
        [whole, ...parts.filter(({ scope }) => changed.has(scope.partition!))].map((one) =>
          one.next('revocation'),
        ),
      )
      return crl!
    } finally {
      this.#schedule()
    }
  }

  /** Takes over a CRL that was brought just now. */
  async reload(authority: string): Promise<void> {
    this.#refuseIfStopped()
    await this.#publications.of(authority)[0].load()
  }

  /**
   * Loads what is stored, publishes what is missing, stale, overtaken or has failed, and from then on keeps to the schedule.
   * To be called again when an authority was added, and when the store takes writes again.
   */
  async start(): Promise<void> {
    this.#refuseIfStopped()
    this.#state = 'started'
    this.#ticks++
    await Promise.all(
      this.#authorities().map(async (authority) => {
        const settled = await this.#publications.settle(authority)
        await Promise.all(
          settled.map(async ([publication, issuedLocations]) => {
            await publication.load(issuedLocations)
            publication.kept.saveAgain()
            if (!this.#canSign(authority)) return
            // A revocation that was acknowledged just before the process died may have missed the last CRL.
            const isOvertaken = await publication.isOvertaken()
            if (isOvertaken || publication.failure !== null || this.#isDue(publication))
              await this.#attempt(publication)
          }),
        )
      }),
    ).finally(() => this.#ticks--)
    this.#isLoaded = true
    this.#warn()
    this.#schedule()
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#state = 'stopped'
    if (this.#timer) clearTimeout(this.#timer)
    clearInterval(this.#leaps)
    for (const publication of this.#publications.all()) await publication.idle()
    await this.#context.builder.close()
  }

  /** One for each authority whose certificate has not expired. */
  health(): CrlHealth[] {
    const now = this.#now()
    return this.#valid().map((authority) => {
      const publications = this.#publications.of(authority.id)
      const { current } = publications[0]
      const failure = publications.map((one) => one.failure).find((reason) => reason !== null)
      return {
        authority: authority.id,
        number: current?.number ?? null,
        nextUpdate: current?.nextUpdate ?? null,
        ok: failure === undefined && isServed(authority, publications, now),
        reason: failure ?? shortcomingOf(authority, publications, now, this.#context.options(authority.id)),
      }
    })
  }

  /** What the service can mend by itself is not for people: it is told of where it fails. */
  #warn(): void {
    const now = this.#now()
    for (const authority of this.#valid()) {
      const { id, signer } = authority
      this.#warnings.warn(id, 'lack', signer ? null : lackOf(authority, this.#publications.of(id), now), now)
      this.#warnings.warn(id, 'size', oversizeOf(this.#publications.of(id), this.#context.options(id)), now)
    }
  }

  #schedule(): void {
    if (this.#state !== 'started') return
    if (this.#timer) clearTimeout(this.#timer)
    const waits = this.#authorities()
      .filter((authority) => this.#canSign(authority))
      .flatMap(({ id }) => this.#publications.of(id))
      .map((publication) => publication.dueAt() - this.#now())
    const wait = Math.max(1, Math.min(LONGEST_WAIT, ...waits))
    this.#timer = setTimeout(() => void this.#tick(), wait * 1000)
    this.#timer.unref()
  }

  async #tick(): Promise<void> {
    const { onError } = this.#context
    this.#ticks++
    await Promise.all(
      this.#authorities().flatMap((authority) =>
        this.#publications.of(authority.id).map(async (publication) => {
          // Nobody waits for it: CRLs are made and served also where the disk hangs.
          if (publication.kept.isDue) publication.kept.saveAgain()
          if (this.#canSign(authority)) return this.#isDue(publication) && this.#attempt(publication)
          // A newer CRL may have been brought.
          return publication.load().catch((error: unknown) => onError(authority.id, error))
        }),
      ),
    )
    this.#ticks--
    this.#warn()
    this.#schedule()
  }

  /** A failure is kept for `health`, told to `onError`, and tried again by the timer. */
  async #attempt(publication: Publication): Promise<void> {
    if (this.#state === 'stopped') return
    await publication.next('schedule').catch(() => {})
  }

  #refuseIfStopped(): void {
    if (this.#state !== 'stopped') return
    throw new CaError('overloaded', 'The service is stopping.', { retryAfter: 5 })
  }

  #valid(): Authority[] {
    const now = this.#now()
    return this.#authorities().filter(({ answersUntil }) => answersUntil > now)
  }

  #isDue(publication: Publication): boolean {
    return publication.dueAt() <= this.#now()
  }

  #isAnyDue(): boolean {
    return this.#authorities().some(
      (authority) =>
        this.#canSign(authority) &&
        this.#publications.of(authority.id).some((one) => this.#isDue(one) || one.kept.isDue),
    )
  }

  #canSign({ signer, answersUntil }: Authority): boolean {
    return signer !== null && answersUntil > this.#now()
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}

export function createCrlPublisher(options: CrlPublisherOptions): CrlPublisher {
  return new CrlPublisher(options)
}
