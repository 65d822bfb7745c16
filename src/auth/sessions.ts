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
  readonly credential: SessionCredential
  /** Seconds since 1970. */
  readonly openedAt: number
  readonly usedAt: number
}

/** No session is older than this. Seconds. */
const LONGEST = 12 * 3600

/** Beyond it the one that was used longest ago ends. */
const MOST = 1000

/**
 * Sessions of the console, in memory alone: a restart ends them. Their secrets are kept as hashes, so that no copy of the memory
 * opens one.
 */
export class Sessions {
  readonly #clock: Clock
  /** Seconds. */
  readonly #idle: number
  /** By the hash of the secret; the one that was used longest ago is first. */
  readonly #sessions = new Map<string, Session>()

  constructor({ clock, idle }: { clock: Clock; idle: number }) {
    this.#clock = clock
    this.#idle = idle
  }

  /** The secret that opens the session from now on. */
  open(subject: Pick<Session, 'name' | 'credential'>): { secret: string; session: Session } {
    const now = this.#now()
    for (const [key, session] of this.#sessions)
      if (this.expiresAt(session) <= now) this.#sessions.delete(key)
    const secret = newSecret('session')
    const session = { ...subject, openedAt: now, usedAt: now }
    this.#sessions.set(keyOf(secret), session)
    if (this.#sessions.size > MOST) this.#sessions.delete(this.#sessions.keys().next().value!)
    return { secret, session }
  }

  /** Null for one that is unknown or has ended. */
  find(secret: string): Session | null {
    const session = this.#sessions.get(keyOf(secret))
    return session && this.expiresAt(session) > this.#now() ? session : null
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
  expiresAt({ openedAt, usedAt }: Session): number {
    return Math.min(usedAt + this.#idle, openedAt + LONGEST)
  }

  #now(): number {
    return epochSeconds(this.#clock())
  }
}

function keyOf(secret: string): string {
  return hashSecret(secret).toString('base64')
}
