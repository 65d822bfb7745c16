import { type Clock, epochSeconds } from '../clock.ts'
import type { LivingAdminKey } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import { type AdminCertificateRule, certificateRoles, type RoleOfCertificate } from './admin-certificates.ts'
import type { OpenIdSignIn } from './openid.ts'
import { Sessions } from './sessions.ts'

/** When a key was used last is written no more often. Seconds. */
const NOTED_EACH = 60

interface AccessOptions {
  readonly admins: readonly AdminCertificateRule[]
  /** Seconds. */
  readonly sessionIdle: number
  /** The longest life of a session that an OpenID provider vouched for. Seconds. */
  readonly sessionVouched: number
  readonly openId?: OpenIdSignIn | null
}

/** What those who administer the service come in by, beside the keys that the store knows. */
export class Access {
  readonly roleOfCertificate: RoleOfCertificate
  readonly sessions: Sessions
  /** Null where none is configured. */
  readonly openId: OpenIdSignIn | null
  readonly #store: Store
  readonly #clock: Clock
  /** Uses that are on their way to the store: seconds since 1970 by key. */
  readonly #noted = new Map<number, number>()

  constructor(
    { store, clock }: { store: Store; clock: Clock },
    { admins, sessionIdle, sessionVouched, openId = null }: AccessOptions,
  ) {
    this.#store = store
    this.#clock = clock
    this.roleOfCertificate = certificateRoles(admins)
    this.openId = openId
    this.sessions = new Sessions({ clock, idle: sessionIdle, vouched: sessionVouched })
  }

  /** Nobody waits for it, and where it cannot be written now it is the next time. */
  keyUsed({ id, lastUsedAt }: LivingAdminKey): void {
    const now = epochSeconds(this.#clock())
    const last = Math.max(lastUsedAt ?? 0, this.#noted.get(id) ?? 0)
    if (now < last + NOTED_EACH) return
    this.#noted.set(id, now)
    this.#store.write('adminKeyUsed', { id, at: now }).catch(() => {})
  }
}
