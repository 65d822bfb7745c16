import type { Authority } from '../ca/authority.ts'
import { type Clock, epochSeconds, rfc3339 } from '../clock.ts'
import { DailyWarnings } from '../daily-warnings.ts'
import { listedSerials } from '../pki/crl/listed-serials.ts'
import { DerReader } from '../pki/der/read.ts'
import type { OcspResponseRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import { type CertId, readCertId } from './cert-id.ts'
import { isOvertaken, type Listing } from './overtaken.ts'
import { parseOcspResponse } from './parse-response.ts'
import { responseTag, type SignedResponse } from './sign-response.ts'

/** Somebody has to fetch a key from a safe: they should hear of it in time. Seconds. */
const NOTICE = 30 * 86_400

/** A response that is here, and of which certificate it is. */
interface Ending {
  readonly authority: string
  readonly serialNumber: string | null
  /** Seconds since 1970. */
  readonly end: number
  /** Whether it says "good" of what the CRL lists. */
  readonly isOvertaken: boolean
}

export interface BroughtResponsesContext {
  readonly authorities: () => readonly Authority[]
  readonly store: Store
  readonly clock: Clock
  /** The full CRL that is published of an authority. */
  readonly crlOf: (authority: string) => Listing | null
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

  /** Null where there is none for exactly this CertID, or it has ended, or says good of what the CRL revokes. */
  async find(authority: string, certId: CertId): Promise<SignedResponse | null> {
    const found = await this.#context.store.read.ocspResponse(authority, certId.bytes)
    return found && found.nextUpdate > this.#now() && !this.#isOvertaken(authority, certId, found)
      ? { ...found, etag: responseTag(found.der), says: 'brought' }
      : null
  }

  /** Looks when they end, and tells who has to act. */
  async look(): Promise<void> {
    const { read } = this.#context.store
    const endings = (await read.ocspResponseEnds()).map(async ({ authority, certId, nextUpdate: end }) => {
      const id = readCertId(new DerReader(certId, 'CertID'))
      const found = this.#listing(authority, id) && (await read.ocspResponse(authority, certId))
      const isOvertaken = found !== null && this.#isOvertaken(authority, id, found)
      return { authority, serialNumber: id.serialNumber, end, isOvertaken }
    })
    this.#endings = await Promise.all(endings)
    const now = this.#now()
    for (const { authority, reason } of this.health()) this.#warnings.warn(authority, 'end', reason, now)
  }

  /** One for each authority of which there are any that somebody may ask for. A lapse stops nothing here: clients that ask hear "unauthorized". */
  health(): { authority: string; reason: string | null; until: number }[] {
    const now = this.#now()
    const first = new Map<string, Ending>()
    for (const ending of this.#endings) {
      const before = first.get(ending.authority)
      if (this.#isNeeded(ending, now) && (!before || isMoreUrgent(ending, before)))
        first.set(ending.authority, ending)
    }
    return [...first.values()].map((ending) => {
      const { authority, end } = ending
      const lack = lackOf(ending, now)
      const help = `sign the next where the key is ("chancery root ocsp"), and bring it with "chancery ocsp install ${authority} FILE".`
      return { authority, reason: lack && `${lack}: ${help}`, until: end }
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

  /** Whoever is told "good" for months would trust what everybody who reads the CRL refuses. */
  #isOvertaken(authority: string, certId: CertId, { der }: OcspResponseRow): boolean {
    const crl = this.#listing(authority, certId)
    return crl !== null && parseOcspResponse(der).responses.some((one) => isOvertaken(one, crl))
  }

  /** The CRL, where it lists the certificate. */
  #listing(authority: string, { serialNumber }: CertId): Listing | null {
    const crl = this.#context.crlOf(authority)
    if (crl === null || serialNumber === null) return null
    return listedSerials(crl).has(serialNumber) ? crl : null
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}

function isMoreUrgent(one: Ending, other: Ending): boolean {
  return one.isOvertaken === other.isOvertaken ? one.end < other.end : one.isOvertaken
}

function lackOf({ isOvertaken, serialNumber, end }: Ending, now: number): string | null {
  if (isOvertaken)
    return `An OCSP response of it says “good” of ${serialNumber}, which its CRL revokes, and is not given any more`
  if (end > now + NOTICE) return null
  return `An OCSP response of it ${end > now ? 'ends' : 'ended'} at ${rfc3339(end)}`
}
