import type { Authority } from '../ca/authority.ts'
import type { PublicUrls } from '../ca/certificate-template.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import type { CrlOptions } from '../config/authority-schema.ts'
import { CaError } from '../errors.ts'
import type { CrlBody, CrlPublication, CrlScope } from '../store/commands.ts'
import type { ScopeCrlRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import { traced } from '../tracing/spans.ts'
import type { Turns } from '../turns.ts'
import type { CrlBuilder } from './builder.ts'
import { Coalesced } from './coalesced.ts'
import type { CrlFiles } from './crl-files.ts'
import { type Failure, isLong, LongCrls, retryAt } from './long-crls.ts'
import { signNextCrls } from './next-crls.ts'
import { type PublishedCrl, publishedCrl } from './published-crl.ts'

export interface PublicationContext {
  readonly store: Store
  readonly clock: Clock
  readonly builder: CrlBuilder
  readonly files: CrlFiles
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

/** Entries. Longer lists are not made one right after the other. */
const LONG_LIST = 50_000

/** The succession of the CRLs of one scope. */
export class Publication {
  readonly scope: CrlScope
  /** In files. */
  readonly kept: LongCrls
  readonly #context: PublicationContext
  readonly #runs: Coalesced<PublishedCrl>
  /** What certificates already say about where this partition is. */
  #issuedLocations: readonly string[] = []
  #full: Current | null = null
  #delta: Current | null = null
  /** Also where the CRL itself was lost: its number must not come again. */
  #onRecord: { readonly full: ScopeCrlRow | null; readonly delta: ScopeCrlRow | null } | null = null
  #fullWanted = false
  /** Whether the last run made a full CRL. */
  #madeFull = false
  #failure: Failure | null = null

  constructor(scope: CrlScope, context: PublicationContext) {
    this.scope = scope
    this.#context = context
    this.kept = new LongCrls(scope, context, () => ({ full: this.#full, delta: this.#delta }))
    this.#runs = new Coalesced(() => context.turns.run(() => traced('make CRL', () => this.#makeNext())), {
      // A delta is short: those that come while one is made are enough company for the next. And all wait for the first full one.
      delay: () => (this.#wantsFull && this.#full ? context.coalesce : 0),
      pause: () => this.#pause(),
      mustRest: () => this.#wantsFull,
    })
  }

  get current(): PublishedCrl | null {
    return this.#full
  }

  /** Whether there has ever been a full CRL. */
  get hasBegun(): boolean {
    return this.#full !== null || (this.#onRecord?.full ?? null) !== null
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

  /** Resolves when nothing is being made, and what is served is on disk if it can be; never rejects. */
  async idle(): Promise<void> {
    await this.#runs.idle()
    await this.kept.idle()
  }

  /** Takes over the newest CRLs that are stored. */
  async load(issuedLocations: readonly string[] = this.#issuedLocations): Promise<void> {
    this.#issuedLocations = issuedLocations
    const before = this.#full?.number
    const onRecord = await this.#context.store.read.scopeCrls(this.scope)
    this.#onRecord = onRecord
    const [full, delta] = await Promise.all([
      this.kept.whole(onRecord.full, 'full'),
      this.kept.whole(onRecord.delta, 'delta'),
    ])
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
    const deltaUrl = this.#deltaUrl()
    const reshaped =
      delta !== (this.#delta !== null) ||
      !sameList(full.locations, this.#locations()) ||
      // Where the deltas were before `publicUrl` changed nobody finds them.
      (deltaUrl !== null && !full.der.includes(deltaUrl))
    if (reshaped) this.#fullWanted = true
    const isBehind = (await this.#context.store.read.latestChange(this.scope)) > known
    if (isBehind && onRevocation === 'full') this.#fullWanted = true
    return reshaped || isFullBehind || isBehind
  }

  /** When the next CRL is needed, in seconds since 1970; in the past if at once. */
  dueAt(): number {
    if (this.#failure) return retryAt(this.#failure, this.#now())
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

  /** Whether the next run has to make a full CRL; else the delta alone. */
  get #wantsFull(): boolean {
    const { delta, refresh } = this.#options
    return this.#fullWanted || !delta || !this.#delta || this.#dueAt(this.#full, refresh) <= this.#now()
  }

  async #makeNext(): Promise<PublishedCrl> {
    const { store, builder, authority, onError, published } = this.#context
    const { scope } = this
    const options = this.#options
    try {
      const issuer = authority(scope.authority)
      if (!issuer) throw new CaError('unknownAuthority', `There is no authority "${scope.authority}".`)
      // From memory: a stored list of a million entries is not read again for its number.
      if (!this.#onRecord) await this.load()
      const now = this.#now()
      const full = this.#wantsFull
      this.#fullWanted = false
      this.#madeFull = full
      const previous = this.#full ?? this.#onRecord!.full
      const wish = {
        scope,
        previous,
        highest: this.#highest,
        full,
        now,
        options,
        locations: this.#locations(),
        deltaUrl: this.#deltaUrl(),
      }
      const made = await signNextCrls(issuer, builder, wish)
      // Stored before it is served: a number that was seen must never come again with other contents.
      // Of a long one that is its number: it is made anew if it is lost.
      await store.write('recordPublication', {
        ...made,
        full: recorded(made.full),
        delta: recorded(made.delta),
      })
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

  /** Also of one on record that nobody saw: the store takes none that is not above it. */
  get #highest(): number {
    const { full = null, delta = null } = this.#onRecord ?? {}
    return Math.max(...[this.#full, this.#delta, full, delta].map((one) => one?.number ?? 0))
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
    this.kept.saveWhenQuiet()
  }

  /**
   * Milliseconds between the CRLs of a long list: however fast revocations come, making them leaves most of the processor
   * to others. With the time that one takes it stays below what a revocation waits.
   */
  #pause(): number {
    const entries = this.#madeFull ? (this.#full?.entries ?? 0) : 0
    return entries < LONG_LIST ? 0 : Math.min(500, entries / 2000)
  }

  #locations(): readonly string[] {
    const { authority, partition } = this.scope
    if (partition === null) return []
    const now = this.#context.urls()?.crl(authority, partition)
    return [...new Set([...(now === undefined ? [] : [now]), ...this.#issuedLocations])]
  }

  /** Null where there are none. */
  #deltaUrl(): string | null {
    const { authority, partition } = this.scope
    return this.#options.delta ? (this.#context.urls()?.deltaCrl(authority, partition) ?? null) : null
  }

  get #options(): CrlOptions {
    return this.#context.options(this.scope.authority)
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}

function recorded(body: CrlBody | null): CrlBody | null {
  return body && isLong(body) ? { ...body, der: new Uint8Array() } : body
}

function current(row: ScopeCrlRow, now: number): Current {
  const { through, base, locations } = row
  return Object.assign(publishedCrl(row, now), { through, base, locations })
}

function sameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, i) => text === other[i])
}
