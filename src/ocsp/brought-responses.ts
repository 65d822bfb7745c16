import { type Clock, epochSeconds, rfc3339 } from '../clock.ts'
import { DailyWarnings } from '../daily-warnings.ts'
import type { Store } from '../store/store.ts'
import type { CertId } from './cert-id.ts'
import { responseTag, type SignedResponse } from './sign-response.ts'

/** Somebody has to fetch a key from a safe: they should hear of it in time. Seconds. */
const NOTICE = 30 * 86_400

export interface BroughtResponsesContext {
  readonly store: Store
  readonly clock: Clock
  /** Hears once a day at most that somebody has to bring the next response of an authority, and why. */
  readonly onWarning: (authority: string, reason: string) => void
}

/** The responses of authorities whose key is elsewhere, handed out as they are. */
export class BroughtResponses {
  readonly #context: BroughtResponsesContext
  /** The first end among an authority's responses, seconds since 1970. */
  #ends = new Map<string, number>()
  readonly #warnings: DailyWarnings

  constructor(context: BroughtResponsesContext) {
    this.#context = context
    this.#warnings = new DailyWarnings(context.onWarning)
  }

  /** Null where there is none for exactly this CertID, or it has ended. */
  async find(authority: string, certId: CertId): Promise<SignedResponse | null> {
    const found = await this.#context.store.read.ocspResponse(authority, certId.bytes)
    return found && found.nextUpdate > this.#now()
      ? { ...found, etag: responseTag(found.der), says: 'brought' }
      : null
  }

  /** Looks when they end, and tells who has to act. */
  async look(): Promise<void> {
    const rows = await this.#context.store.read.ocspResponseEnds()
    this.#ends = new Map(rows.map(({ authority, nextUpdate }) => [authority, nextUpdate]))
    const now = this.#now()
    for (const { authority, reason } of this.health()) this.#warnings.warn(authority, 'end', reason, now)
  }

  /** One for each authority of which there are any. A lapse stops nothing here: clients that ask hear "unauthorized". */
  health(): { authority: string; reason: string | null; until: number }[] {
    const now = this.#now()
    return [...this.#ends].map(([authority, end]) => {
      const verb = end > now ? 'ends' : 'ended'
      const help = `sign the next where the key is ("chancery root ocsp"), and bring it with "chancery ocsp install ${authority} FILE".`
      const reason = end > now + NOTICE ? null : `An OCSP response of it ${verb} at ${rfc3339(end)}: ${help}`
      return { authority, reason, until: end }
    })
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}
