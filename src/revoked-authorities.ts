import type { Authorities } from './ca/authorities.ts'
import type { Authority } from './ca/authority.ts'
import { revokedOf } from './ca/hierarchy/revoked.ts'
import { type Clock, epochSeconds } from './clock.ts'
import type { CrlPublisher } from './crl/publisher.ts'
import { DailyWarnings } from './daily-warnings.ts'
import type { FaultLog } from './health.ts'

/** Milliseconds between two looks: what was told is told again a day later. */
const LOOK = 60_000

interface RevokedAuthoritiesContext {
  readonly authorities: Pick<Authorities, 'all'>
  readonly crl: Pick<CrlPublisher, 'current' | 'onPublished'>
  readonly clock: Clock
  readonly log: FaultLog
}

/**
 * Authorities that issue although the CRL of who issued their certificate, or one above it, lists that. When to stop is for the operator
 * to say: until another is active in its place, nobody would be given anything.
 */
export class RevokedAuthorities {
  readonly #context: RevokedAuthoritiesContext
  readonly #warnings: DailyWarnings
  #timer: NodeJS.Timeout | undefined

  constructor(context: RevokedAuthoritiesContext) {
    this.#context = context
    this.#warnings = new DailyWarnings((authority, reason) => context.log.warn({ authority }, reason))
    context.crl.onPublished((id) => {
      // Only one that is brought lists authorities.
      const isBrought = context.authorities.all().some((one) => one.id === id && !one.signer)
      if (this.#timer && isBrought) this.#look()
    })
  }

  /** What is wrong with one that issues, and what to do; null where nothing is. */
  reasonOf(authority: Authority): string | null {
    const { authorities, crl } = this.#context
    const { id, state } = authority
    if (state !== 'active') return null
    const revoked = revokedOf(authority, authorities.all(), (issuer) => crl.current(issuer))
    return (
      revoked &&
      `Authority "${id}" issues, and is revoked: the CRL of "${revoked.by}" lists "${revoked.subject}". Who checks that refuses all that it issued: activate another in its place.`
    )
  }

  /** From now on the log tells of each once a day. */
  start(): void {
    this.#timer = setInterval(() => this.#look(), LOOK).unref()
    this.#look()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    const now = epochSeconds(this.#context.clock())
    for (const authority of this.#context.authorities.all().filter(({ role }) => role === 'issuing'))
      this.#warnings.warn(authority.id, 'revoked', this.reasonOf(authority), now)
  }
}
