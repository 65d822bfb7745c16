import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { CrlScope } from '../store/commands.ts'
import type { ScopeCrlRow } from '../store/queries.ts'
import type { CrlFiles } from './crl-files.ts'
import type { PublishedCrl } from './published-crl.ts'

/** Octets of a CRL that the database takes; a longer one is kept in a file. */
const LONGEST_IN_DATABASE = 256 * 1024

/**
 * A CRL is written to a file only when none has followed it for so long: in a stream of revocations 50 MB a second would go to
 * the disk, each soon overtaken. If the process is killed before, the next start makes another. Milliseconds.
 */
const QUIET = 5000

/** Seconds. */
const RETRY_AFTER = 60

export function isLong({ der }: { readonly der: Uint8Array }): boolean {
  return der.length > LONGEST_IN_DATABASE
}

/** `at`: seconds since 1970. */
export interface Failure {
  readonly reason: string
  readonly at: number
}

/** When to try again, in seconds since 1970. */
export function retryAt({ at }: Failure, now: number): number {
  // One from the future was before the clock was set back: waiting for that time could take years.
  return at > now ? 0 : at + RETRY_AFTER
}

export interface LongCrlsContext {
  readonly files: CrlFiles
  readonly clock: Clock
  readonly onError: (authority: string, error: unknown) => void
}

/** What is served of a scope. */
export interface ServedCrls {
  readonly full: PublishedCrl | null
  readonly delta: PublishedCrl | null
}

/** Keeps the long CRLs of one scope in files, also when that failed at first. */
export class LongCrls {
  readonly #scope: CrlScope
  readonly #context: LongCrlsContext
  readonly #served: () => ServedCrls
  #timer: NodeJS.Timeout | null = null
  #saving: Promise<void> = Promise.resolve()
  /** Under way. */
  #saves = 0
  #failure: Failure | null = null

  constructor(scope: CrlScope, context: LongCrlsContext, served: () => ServedCrls) {
    this.#scope = scope
    this.#context = context
    this.#served = served
  }

  /** Why what is served could not be written to its file; null if it was, or needs none. */
  get failure(): string | null {
    return this.#failure?.reason ?? null
  }

  /** Whether it is time to try again. */
  get isDue(): boolean {
    return this.#failure !== null && this.#saves === 0 && retryAt(this.#failure, this.#now()) <= this.#now()
  }

  /** With the CRL from its file where it is kept there; null if it is not there, so that another is made. */
  async whole(row: ScopeCrlRow | null, kind: 'full' | 'delta'): Promise<ScopeCrlRow | null> {
    if (!row || row.der.length > 0) return row
    try {
      const der = await this.#context.files.read(this.#scope, kind, row.number)
      return der && { ...row, der }
    } catch (error) {
      this.#context.onError(this.#scope.authority, error)
      return null
    }
  }

  saveWhenQuiet(): void {
    this.#stopWaiting()
    const { full, delta } = this.#served()
    if (![full, delta].some((crl) => crl && isLong(crl))) {
      this.#failure = null
      return
    }
    this.#timer = setTimeout(() => this.#save(), QUIET)
    this.#timer.unref()
  }

  /** Writes again what could not be written; its outcome is seen in `failure`. */
  saveAgain(): void {
    if (this.#failure && this.#saves === 0) this.#save()
  }

  /** Resolves when what is served is on disk if it can be; never rejects. */
  async idle(): Promise<void> {
    if (this.#timer || this.#failure) this.#save()
    await this.#saving
  }

  #save(): void {
    this.#stopWaiting()
    const { files, onError } = this.#context
    this.#saves++
    this.#saving = this.#saving
      .then(async () => {
        for (const [kind, crl] of Object.entries(this.#served()) as [
          'full' | 'delta',
          PublishedCrl | null,
        ][]) {
          if (crl && isLong(crl)) await files.write(this.#scope, kind, crl.number, crl.der)
        }
        this.#failure = null
      })
      .catch((error: unknown) => {
        const reason = error instanceof CaError ? error.detail : 'The CRL could not be kept in a file.'
        this.#failure = { reason, at: this.#now() }
        onError(this.#scope.authority, error)
      })
      .finally(() => this.#saves--)
  }

  #stopWaiting(): void {
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}
