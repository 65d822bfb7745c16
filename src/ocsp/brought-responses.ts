import type { Authority } from '../ca/authority.ts'
import { type Clock, epochSeconds, rfc3339 } from '../clock.ts'
import { DailyWarnings } from '../daily-warnings.ts'
import { DerReader } from '../pki/der/read.ts'
import type { Store } from '../store/store.ts'
import { type CertId, readCertId } from './cert-id.ts'
import { responseTag, type SignedResponse } from './sign-response.ts'

/** Somebody has to fetch a key from a safe: they should hear of it in time. Seconds. */
const NOTICE = 30 * 86_400

/** A response that is here, and of which certificate it is. */
interface Ending {
  readonly authority: string
  readonly serialNumber: string | null
  /** Seconds since 1970. */
  readonly end: number
}

export interface BroughtResponsesContext {
  readonly authorities: () => readonly Authority[]
  readonly store: Store
  readonly clock: Clock
  /** Hears once a day at most that somebody has to bring the next response of an authority, and why. */
  readonly onWarning: (authority: string, reason: string) => void
}

/** The responses of authorities whose key is elsewhere, handed out as they are. */
export class BroughtResponses {
  readonly #context: BroughtResponsesContext
  #endings: readonly Ending[] = []
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
    this.#endings = rows.map(({ authority, certId, nextUpdate: end }) => {
      const { serialNumber } = readCertId(new DerReader(certId, 'CertID'))
      return { authority, serialNumber, end }
    })
    const now = this.#now()
    for (const { authority, reason } of this.health()) this.#warnings.warn(authority, 'end', reason, now)
  }

  /** One for each authority of which there are any that somebody may ask for. A lapse stops nothing here: clients that ask hear "unauthorized". */
  health(): { authority: string; reason: string | null; until: number }[] {
    const now = this.#now()
    const ends = new Map<string, number>()
    for (const ending of this.#endings) {
      const { authority, end } = ending
      if (this.#isNeeded(ending, now)) ends.set(authority, Math.min(end, ends.get(authority) ?? end))
    }
    return [...ends].map(([authority, end]) => {
      const verb = end > now ? 'ends' : 'ended'
      const help = `sign the next where the key is ("chancery root ocsp"), and bring it with "chancery ocsp install ${authority} FILE".`
      const reason = end > now + NOTICE ? null : `An OCSP response of it ${verb} at ${rfc3339(end)}: ${help}`
      return { authority, reason, until: end }
    })
  }

  /** Not once its signer, or the authority that it is about, has nothing left to answer for: nobody makes the next. */
  #isNeeded({ authority, serialNumber }: Ending, now: number): boolean {
    const all = this.#context.authorities()
    const signer = all.find(({ id }) => id === authority)
    if (!signer || signer.answersUntil <= now) return false
    const subject = all.find(
      ({ certificate }) =>
        certificate.serialNumber === serialNumber && certificate.issuer.equals(signer.certificate.subject),
    )
    return !subject || subject.answersUntil > now
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}
