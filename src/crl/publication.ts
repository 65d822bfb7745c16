import type { Authority } from '../ca/authority.ts'
import type { PublicUrls } from '../ca/certificate-template.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import type { CrlOptions } from '../config/authority-schema.ts'
import { CaError } from '../errors.ts'
import type { CrlBody, CrlPublication, CrlScope } from '../store/commands.ts'
import type { ScopeCrlRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import type { Turns } from '../turns.ts'
import type { CrlBuilder } from './builder.ts'
import { Coalesced } from './coalesced.ts'
import { signNextCrls } from './next-crls.ts'
import { type PublishedCrl, publishedCrl } from './published-crl.ts'

export interface PublicationContext {
  readonly store: Store
  readonly clock: Clock
  readonly builder: CrlBuilder
  /** Shared by all scopes: thousands that are due at once must not take the place of other writes. */
  readonly turns: Turns
  /** The authority as it is now, since its certificate may be replaced while the service runs. */
  readonly authority: (id: string) => Authority | undefined
  readonly options: (authority: string) => CrlOptions
  /** Null where no address lasts: then there are neither deltas nor new partitions. */
  readonly urls: () => PublicUrls | null
  /** Milliseconds that a CRL waits for further revocations to join it. */
  readonly coalesce: number
  readonly onError: (authority: string, error: unknown) => void
  /** Called with the authority when one of its CRLs was replaced. */
  readonly published: (authority: string) => void
}

/** A CRL with what is on record about it. */
type Current = PublishedCrl & Pick<ScopeCrlRow, 'through' | 'base' | 'locations'>

/** Seconds. */
const RETRY_AFTER = 60

/** The succession of the CRLs of one scope. */
export class Publication {
  readonly scope: CrlScope
  readonly #context: PublicationContext
  readonly #runs: Coalesced<PublishedCrl>
  /** What certificates already say about where this partition is. */
  #issuedLocations: readonly string[] = []
  #full: Current | null = null
  #delta: Current | null = null
  #fullWanted = false
  #failure: { readonly reason: string; readonly at: number } | null = null

  constructor(scope: CrlScope, context: PublicationContext) {
    this.scope = scope
    this.#context = context
    this.#runs = new Coalesced(() => context.turns.run(() => this.#makeNext()), context.coalesce)
  }

  get current(): PublishedCrl | null {
    return this.#full
  }

  get delta(): PublishedCrl | null {
    return this.#options.delta ? this.#delta : null
  }

  /** Why the last attempt failed; null if it did not. */
  get failure(): string | null {
    return this.#failure?.reason ?? null
  }

  /**
   * Resolves to the full CRL after a run that began after the call; for a `revocation` the run makes what the options say,
   * else what is due.
   */
  next(cause: 'revocation' | 'schedule'): Promise<PublishedCrl> {
    if (cause === 'revocation' && this.#options.onRevocation === 'full') this.#fullWanted = true
    return this.#runs.run()
  }

  idle(): Promise<void> {
    return this.#runs.idle()
  }

  /** Takes over the newest CRLs that are stored. */
  async load(issuedLocations: readonly string[] = this.#issuedLocations): Promise<void> {
    this.#issuedLocations = issuedLocations
    const before = this.#full?.number
    const { full, delta } = await this.#context.store.read.scopeCrls(this.scope)
    // A newer one may have been made while these were read.
    if (full && full.number > (this.#full?.number ?? 0)) this.#full = current(full, this.#now())
    if (delta && delta.number > (this.#delta?.number ?? 0)) this.#delta = current(delta, this.#now())
    if (this.#full?.number !== before) this.#context.published(this.scope.authority)
  }

  /** Whether there are revocations, releases or options that the current CRLs do not know of. */
  async isOvertaken(): Promise<boolean> {
    const full = this.#full
    if (!full) return true
    const { delta, onRevocation } = this.#options
    // What the full one misses may be in a delta that came after it, and still belongs into the full one at once.
    const isFullBehind = onRevocation === 'full' && full.through < (this.#delta?.through ?? full.through)
    if (isFullBehind) this.#fullWanted = true
    const known = (delta ? this.#delta : full)?.through ?? -1
    const reshaped = delta !== (this.#delta !== null) || !sameList(full.locations, this.#locations())
    if (reshaped) this.#fullWanted = true
    const isBehind = (await this.#context.store.read.latestChange(this.scope)) > known
    if (isBehind && onRevocation === 'full') this.#fullWanted = true
    return reshaped || isFullBehind || isBehind
  }

  /** When the next CRL is needed, in seconds since 1970; in the past if at once. */
  dueAt(): number {
    // One from the future was before the clock was set back: waiting for that time could take years.
    if (this.#failure) return this.#failure.at > this.#now() ? 0 : this.#failure.at + RETRY_AFTER
    const { refresh, delta, deltaRefresh } = this.#options
    return Math.min(
      this.#dueAt(this.#full, refresh),
      delta ? this.#dueAt(this.#delta, deltaRefresh) : Infinity,
    )
  }

  #dueAt(crl: PublishedCrl | null, interval: number): number {
    // One from the future was made before the clock was set back; relying parties refuse it.
    if (!crl || crl.thisUpdate > this.#now()) return 0
    return Math.min(crl.thisUpdate + interval, crl.nextUpdate)
  }

  async #makeNext(): Promise<PublishedCrl> {
    const { store, builder, authority, urls, onError, published } = this.#context
    const { scope } = this
    const options = this.#options
    try {
      const issuer = authority(scope.authority)
      if (!issuer) throw new CaError('unknownAuthority', `There is no authority "${scope.authority}".`)
      // From memory: a stored list of a million entries is not read again for its number.
      if (!this.#full) await this.load()
      const now = this.#now()
      const full =
        this.#fullWanted || !options.delta || !this.#delta || this.#dueAt(this.#full, options.refresh) <= now
      this.#fullWanted = false
      const previous = { full: this.#full, delta: this.#delta }
      const deltaUrl = options.delta ? (urls()?.deltaCrl(scope.authority, scope.partition) ?? null) : null
      const wish = { scope, previous, full, now, options, locations: this.#locations(), deltaUrl }
      const made = await signNextCrls(issuer, builder, wish)
      // Stored before it is served: a number that was seen must never come again with other contents.
      await store.write('recordPublication', made)
      this.#failure = null
      this.#take(made)
      published(scope.authority)
      return this.#full!
    } catch (error) {
      const reason = error instanceof CaError ? error.detail : 'The CRL could not be made.'
      this.#failure = { reason, at: this.#now() }
      this.#fullWanted = true
      onError(scope.authority, error)
      // Somebody else has stored a newer one.
      if (error instanceof CaError && error.code === 'conflict') await this.load().catch(() => {})
      throw error
    }
  }

  #take({ full, delta, ...common }: CrlPublication): void {
    const row = ({ der, ...body }: CrlBody): ScopeCrlRow => ({
      ...common,
      ...body,
      der: Buffer.from(der.buffer, der.byteOffset, der.byteLength),
      locations: [...common.locations],
    })
    const now = this.#now()
    if (full) this.#full = current(row(full), now)
    this.#delta = delta ? current(row(delta), now) : null
  }

  #locations(): readonly string[] {
    const { authority, partition } = this.scope
    if (partition === null) return []
    const now = this.#context.urls()?.crl(authority, partition)
    return [...new Set([...(now === undefined ? [] : [now]), ...this.#issuedLocations])]
  }

  get #options(): CrlOptions {
    return this.#context.options(this.scope.authority)
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}

function current(row: ScopeCrlRow, now: number): Current {
  const { through, base, locations } = row
  return Object.assign(publishedCrl(row, now), { through, base, locations })
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i])
}
