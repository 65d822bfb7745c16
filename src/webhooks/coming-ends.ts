import { isSpent } from '../ca/authorities.ts'
import type { Authority } from '../ca/authority.ts'
import { isInternal } from '../ca/internal-profiles.ts'
import { type Clock, epochSeconds, rfc3339 } from '../clock.ts'
import type { Config } from '../config/config.ts'
import type { CrlPublisher } from '../crl/publisher.ts'
import type { ComingEnd, NoticeType } from '../store/notice-commands.ts'
import { certificateData } from '../store/notice-data.ts'
import type { EndingPlace } from '../store/notice-queries.ts'
import type { CertificateSummary } from '../store/queries.ts'
import type { Store } from '../store/store.ts'

/** Between two looks. Seconds. */
const INTERVAL = 300

export interface ComingEndsContext {
  readonly store: Store
  readonly clock: Clock
  readonly notices: Config['notices']
  readonly authorities: () => readonly Authority[]
  readonly crl: CrlPublisher
  readonly wanted: ReadonlySet<NoticeType>
}

/** Looks for what ends soon and nobody renews, and has the store tell of it. */
export class ComingEnds {
  readonly #context: ComingEndsContext
  #lookedAt = Number.NEGATIVE_INFINITY
  #pass: Promise<void> | null = null
  #stopped = false

  constructor(context: ComingEndsContext) {
    this.#context = context
  }

  /** Begins a look where one is due by the clock, which may have leapt. Rejects where it fails; the next one is in time. */
  async look(): Promise<void> {
    const now = epochSeconds(this.#context.clock())
    const age = now - this.#lookedAt
    if (this.#pass || this.#stopped || (age >= 0 && age < INTERVAL)) return
    this.#lookedAt = now
    this.#pass = this.#all(now)
    try {
      await this.#pass
    } finally {
      this.#pass = null
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#pass?.catch(() => {})
  }

  async #all(now: number): Promise<void> {
    const { store, notices, wanted } = this.#context
    const soon = [...this.#authorities(now), ...this.#crls(now)].filter(
      ({ type, until, notice }) => wanted.has(type) && until >= now && until - notice <= now,
    )
    await this.#tell(soon.map(({ notice: _, ...end }) => end))
    if (!wanted.has('certificate.expiring')) return
    const filter = { now, notice: notices.certificates }
    let place: EndingPlace | null = null
    do {
      const step: { rows: CertificateSummary[]; next: EndingPlace | null } =
        await store.read.endingCertificates(filter, place)
      // The service's own have no names, by which a successor would be found, and are replaced long before.
      await this.#tell(step.rows.filter(({ profile }) => !isInternal(profile)).map(endOf))
      place = step.next
    } while (place !== null && !this.#stopped)
  }

  async #tell(ends: readonly ComingEnd[]): Promise<void> {
    if (ends.length === 0) return
    await this.#context.store.write('noticeEnds', { ends, at: this.#context.clock().getTime() })
  }

  /** Not of those that are retired and have nothing left to answer for: nothing ends with them. */
  *#authorities(now: number): Iterable<ComingEnd & { notice: number }> {
    const { authorities, notices } = this.#context
    for (const { id, role, state, certificate } of authorities().filter((one) => !isSpent(one, now))) {
      const until = certificate.notAfter
      yield {
        ...{ subject: `authority ${id} ${until}`, until, notice: notices.authorities },
        type: 'authority.expiring',
        data: { authority: id, role, state, notAfter: rfc3339(until) },
      }
    }
  }

  /** Of those whose key is elsewhere and that are still needed: the others' are renewed here, and `/readyz` tells where that fails. */
  *#crls(now: number): Iterable<ComingEnd & { notice: number }> {
    const { authorities, crl, notices } = this.#context
    for (const one of authorities()) {
      const { id } = one
      const current = one.signer || isSpent(one, now) ? null : crl.current(id)
      if (!current) continue
      const { number, nextUpdate: until } = current
      yield {
        ...{ subject: `crl ${id} ${number}`, until, notice: notices.crls },
        type: 'crl.expiring',
        data: { authority: id, number, nextUpdate: rfc3339(until) },
      }
    }
  }
}

function endOf(certificate: CertificateSummary): ComingEnd {
  const { serialNumber, notAfter } = certificate
  return {
    subject: `certificate ${serialNumber}`,
    until: notAfter,
    type: 'certificate.expiring',
    data: certificateData(certificate),
  }
}
