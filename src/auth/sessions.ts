import { type Clock, epochSeconds } from '../clock.ts'
import type { Principal } from './principal.ts'
import { hashSecret, newSecret } from './secrets.ts'

/** By what a session was opened: what is looked at anew with each request, so that its end is the session's. */
export type SessionCredential =
  | { readonly kind: 'adminKey'; readonly hash: Buffer }
  | { readonly kind: 'certificate'; readonly der: Buffer }
  /** Whom a provider vouched for, once: the session itself is all there is. */
  | { readonly kind: 'openId'; readonly principal: Principal }

export interface Session {
  /** As the console shows it. */
  readonly name: string
  /** The id of the principal. */
  readonly holder: string
  readonly credential: SessionCredential
  /** Seconds since 1970. */
  readonly openedAt: number
  readonly usedAt: number
}

/** No session is older than this. Seconds. */
const LONGEST = 12 * 3600

/** Beyond it the one that was used longest ago ends. */
const MOST = 1000

/** Likewise of one principal, who must not push out everybody else's: more than anybody has browsers. */
const MOST_OF_ONE = 20

interface SessionRules {
  readonly clock: Clock
  /** How long after its last use a session ends. Seconds. */
  readonly idle: number
  /** No session by an OpenID provider's word is older: it is not asked again whether that still counts. Seconds. */
  readonly vouched: number
}

/**
 * Sessions of the console, in memory alone: a restart ends them. Their secrets are kept as hashes, so that no copy of the memory
 * opens one.
 */
export class Sessions {
  readonly #rules: SessionRules
  /** By the hash of the secret; the one that was used longest ago is first. */
  readonly #sessions = new Map<string, Session>()

  constructor(rules: SessionRules) {
    this.#rules = rules
  }

  /** The secret that opens the session from now on. */
  open(subject: Pick<Session, 'name' | 'holder' | 'credential'>): { secret: string; session: Session } {
    const now = this.#now()
    for (const [key, session] of this.#sessions) if (this.#isOver(session)) this.#sessions.delete(key)
    const secret = newSecret('session')
    const session = { ...subject, openedAt: now, usedAt: now }
    this.#sessions.set(keyOf(secret), session)
    const own = [...this.#sessions].filter(([, { holder }]) => holder === session.holder)
    if (own.length > MOST_OF_ONE) this.#sessions.delete(own[0]![0])
    if (this.#sessions.size > MOST) this.#sessions.delete(this.#sessions.keys().next().value!)
    return { secret, session }
  }

  /** Null for one that is unknown or has ended. */
  find(secret: string): Session | null {
    const session = this.#sessions.get(keyOf(secret))
    return session && !this.#isOver(session) ? session : null
  }

  /** Its idle time begins anew. */
  use(secret: string): void {
    const session = this.find(secret)
    if (!session) return
    const key = keyOf(secret)
    this.#sessions.delete(key)
    this.#sessions.set(key, { ...session, usedAt: this.#now() })
  }

  close(secret: string): void {
    this.#sessions.delete(keyOf(secret))
  }

  /** Seconds since 1970. */
  expiresAt({ openedAt, usedAt, credential }: Session): number {
    const { idle, vouched } = this.#rules
    const longest = credential.kind === 'openId' ? Math.min(vouched, LONGEST) : LONGEST
    return Math.min(usedAt + idle, openedAt + longest)
  }

  #isOver(session: Session): boolean {
    const now = this.#now()
    // From a clock that was ahead: it would last for as long as that was wrong, which can be years.
    const isFromFuture = Math.max(session.openedAt, session.usedAt) - this.#rules.idle > now
    return isFromFuture || this.expiresAt(session) <= now
  }

  #now(): number {
    return epochSeconds(this.#rules.clock())
  }
}

function keyOf(secret: string): string {
  return hashSecret(secret).toString('base64')
}
