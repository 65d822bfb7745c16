import { rfc3339 } from '../clock.ts'
import { Attempts } from './attempts.ts'
import {
  type Again,
  askForSuggestion,
  obtainCertificate,
  publish,
  refreshCrls,
  refreshRoots,
  refreshStaple,
  tellConsumers,
} from './errands.ts'
import type { Identity } from './identity.ts'
import { hasNames, mayBringNames } from './obtain.ts'
import { type KeeperContext, Situation } from './situation.ts'

/** In the order of a round: each finds what it needs. */
const ERRANDS = {
  'renewal-info': askForSuggestion,
  certificate: obtainCertificate,
  staple: refreshStaple,
  crls: refreshCrls,
  roots: refreshRoots,
  publish,
  notify: tellConsumers,
} satisfies Record<string, (situation: Situation) => Promise<Again>>
export type Work = keyof typeof ERRANDS
export const WORK = Object.keys(ERRANDS) as readonly Work[]

const MINUTE = 60_000
/** The longest wait between two attempts, milliseconds. */
const MOST: Readonly<Record<Work, number>> = {
  'renewal-info': 60 * MINUTE,
  certificate: 60 * MINUTE,
  staple: 10 * MINUTE,
  crls: 10 * MINUTE,
  roots: 10 * MINUTE,
  publish: MINUTE,
  notify: MINUTE,
}
/** The same while there is no good certificate. */
const MOST_WITHOUT = 5 * MINUTE
const NEVER = Number.POSITIVE_INFINITY
/** By less than this a clock is set back without any harm, milliseconds. */
const SET_BACK = MINUTE

/** Keeps one certificate and its files fresh. What lasts is on disk; what is here is made anew at each start. */
export class Keeper {
  readonly id: string
  readonly attempts: Readonly<Record<Work, Attempts>>
  readonly situation: Situation
  /** Milliseconds since 1970: when what was fetched is to be fetched again. */
  readonly #again = new Map<Work, number>()
  #warnedAt = 0
  /** Milliseconds since 1970: when the last round began. */
  #lastRound = 0

  constructor(context: KeeperContext) {
    this.id = context.config.id
    this.situation = new Situation(context)
    this.attempts = Object.fromEntries(WORK.map((work) => [work, new Attempts()])) as Record<Work, Attempts>
  }

  /** Does everything that is due. Failures are logged, counted and tried again later. */
  async round(signal: AbortSignal): Promise<void> {
    this.#lookAtClock()
    for (const work of WORK) {
      if (signal.aborted) return
      const { identity: before, isRevoked: wasRevoked } = this.situation
      if (this.#dueAt(work) <= this.situation.now) await this.#attempt(work)
      if (before !== this.situation.identity) this.#beginAnew()
      // That another one could not be had is no fault any more.
      else if (wasRevoked && !this.situation.isRevoked) this.attempts.certificate.succeed()
    }
    this.#warn()
  }

  /** When `round` has something to do. Milliseconds since 1970. */
  get dueAt(): number {
    return Math.min(...WORK.map((work) => this.#dueAt(work)))
  }

  /** Everything is fetched and tried again at once, also a request that waits for approval. */
  hurry(): void {
    for (const attempts of Object.values(this.attempts)) attempts.forgive()
    this.#again.clear()
  }

  /** Why its consumer is not well served; none where all is valid and fresh. */
  problems(): string[] {
    const { publish, notify } = this.attempts
    const found = this.situation.problems()
    if (publish.lastError) found.push(`its files could not be written: ${publish.lastError}`)
    if (notify.lastError) found.push(`its consumer was not told: ${notify.lastError}`)
    return found
  }

  /** What a clock that was ahead put off would wait for as long as it was wrong, which can be years. */
  #lookAtClock(): void {
    const { now } = this.situation
    if (now < this.#lastRound - SET_BACK) {
      this.hurry()
      this.#warnedAt = 0
    }
    this.#lastRound = now
  }

  #dueAt(work: Work): number {
    return Math.max(this.#wishedAt(work), this.attempts[work].notBefore)
  }

  #wishedAt(work: Work): number {
    const { identity, wanted, context } = this.situation
    if (work === 'certificate') return identity ? this.#replaceAt(identity) : 0
    if (!identity) return NEVER
    const again = this.#again.get(work) ?? 0
    switch (work) {
      case 'publish':
        if (this.situation.isPublished(identity)) return NEVER
        return this.situation.mustWaitForStaple(identity) ? this.situation.now + 1000 : 0
      case 'notify':
        return this.situation.mustTell(identity) ? 0 : NEVER
      case 'crls':
        return wanted.has('crls') ? again : NEVER
      case 'roots':
        return wanted.has('roots') || context.trust.isFollowing ? again : NEVER
      default:
        return again
    }
  }

  #replaceAt(identity: Identity): number {
    const { situation } = this
    const { context } = situation
    const hasOthers = !hasNames(identity, context.config) && mayBringNames(context)
    return situation.isRevoked || hasOthers ? 0 : situation.renewalAt(identity) * 1000
  }

  async #attempt(work: Work): Promise<void> {
    const { log, timing } = this.situation.context
    const attempts = this.attempts[work]
    attempts.tried++
    try {
      const again = await ERRANDS[work](this.situation)
      if (again?.isWait) attempts.postpone(again.after, timing)
      else attempts.succeed()
      // A little earlier at random: what began together need not come back together.
      if (again) this.#again.set(work, this.situation.now + again.after * 1000 * (1 - timing.random() / 10))
    } catch (error) {
      attempts.fail(error, this.#mostWait(work), timing)
      const next = rfc3339(Math.ceil(attempts.notBefore / 1000))
      const facts = { certificate: this.id, work, failures: attempts.failures, next }
      log.warn({ event: 'failed', ...facts, reason: attempts.lastError }, 'failed')
    }
  }

  /** Of a tenth of what is left several attempts always remain. */
  #mostWait(work: Work): number {
    const { identity, now, isRevoked, context } = this.situation
    if (work !== 'certificate') return Math.min(MOST[work], context.refresh * 1000)
    const left = identity && !isRevoked ? identity.leaf.notAfter * 1000 - now : 0
    return left > 0 ? Math.min(MOST.certificate, left / 10) : MOST_WITHOUT
  }

  /** What was heard was about another certificate. */
  #beginAnew(): void {
    for (const work of ['renewal-info', 'staple'] as const) {
      this.#again.delete(work)
      this.attempts[work].forgive()
    }
  }

  /** Once an hour, from where a renewal should long have been. */
  #warn(): void {
    const { identity, now, context } = this.situation
    if (!identity || now < this.#warnedAt + 60 * MINUTE) return
    const { notBefore, notAfter, serialNumber } = this.situation.lifeOf(identity)
    const left = notAfter - now / 1000
    if (left > (notAfter - notBefore) / 5) return
    this.#warnedAt = now
    const reason = this.attempts.certificate.lastError
    const facts = { certificate: this.id, serialNumber, notAfter: rfc3339(notAfter), reason }
    if (left > 0) context.log.warn({ event: 'expires', ...facts }, 'expires soon')
    else context.log.error({ event: 'expired', ...facts }, 'has expired')
  }
}
