import type { Origin, Principal } from '../auth/principal.ts'
import { actsAs } from '../auth/roles.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { nameText } from '../pki/names/san.ts'
import type { RequestRow } from '../store/approval-queries.ts'
import type { Store } from '../store/store.ts'
import { Sweeper } from '../store/sweeper.ts'
import { auditEntry } from './audit.ts'
import type { Issued, Issuer } from './issue.ts'
import type { Narrowing } from './policy/narrowing.ts'
import { certificateOf, requesterOf, requestOf } from './requester.ts'
import { KEPT, stateOf } from './waiting-requests.ts'

export interface ApprovalContext {
  readonly store: Store
  readonly clock: Clock
  readonly issuer: Issuer
  /** Of what is done without a caller. */
  readonly onError: (error: unknown) => void
}

/** For how long the certificate of an approved request may be fetched by asking again. Seconds. */
const FETCHABLE = 30 * 86_400

/** What admins do with requests that wait for them. */
export class Approvals {
  readonly #context: ApprovalContext
  readonly #sweeper: Sweeper

  constructor(context: ApprovalContext) {
    this.#context = context
    const { store, clock, onError } = context
    this.#sweeper = new Sweeper(
      (limit) => store.write('sweepRequests', { now: epochSeconds(clock()), limit }),
      onError,
    )
  }

  start(): void {
    this.#sweeper.start()
  }

  stop(): void {
    this.#sweeper.stop()
  }

  /**
   * Issues what was asked for, or less. Throws "forbidden" for an operator's own, "notFound", "conflict" for a request that is not pending (any more),
   * "nameNotAllowed" and "validityNotAllowed" for what would be more, and whatever policy says by now.
   */
  async approve(requestId: number, narrowed: Narrowing, admin: Principal, origin: Origin): Promise<Issued> {
    const { store, issuer } = this.#context
    const now = this.#now(admin)
    const row = await this.#pending(requestId, now)
    // Of those with a role an admin alone gets certificates without another's consent.
    if (!actsAs(admin, 'admin') && (await this.#isOwn(row, admin.id)))
      throw new CaError('forbidden', 'Somebody else must approve what you asked for yourself.')
    const request = { ...(await requestOf(row, store)), narrowed }
    const requester = await requesterOf(row, store)
    return issuer.approve({ request, requester, row, keptUntil: now + FETCHABLE }, admin, origin)
  }

  /** The caller hears the reason when it asks again. Throws "notFound", and "conflict" unless the request is pending. */
  async refuse(requestId: number, reason: string, admin: Principal, origin: Origin): Promise<RequestRow> {
    const { store, clock } = this.#context
    const at = this.#now(admin)
    const { principal } = await this.#pending(requestId, at)
    const facts = { requestedBy: principal, reason }
    await store.write('refuseRequest', {
      ...{ requestId, at, reason, keptUntil: at + KEPT },
      audit: auditEntry('request.deny', 'ok', String(requestId), admin, origin, clock(), facts),
    })
    return (await store.read.request(requestId))!
  }

  /**
   * Two certificates with a name in common are one holder's, as those before and after a renewal: a name is what gives the role. So is
   * the one that is asked for.
   */
  async #isOwn({ principal, names }: RequestRow, approver: string): Promise<boolean> {
    if (principal === approver) return true
    const { store } = this.#context
    const [asking, own] = await Promise.all([principal, approver].map((id) => certificateOf(id, store)))
    const ownNames = new Set(own?.names.map(nameText))
    return [...names, ...(asking?.names ?? [])].some((name) => ownNames.has(nameText(name)))
  }

  #now(admin: Principal): number {
    if (!actsAs(admin, 'operator'))
      throw new CaError('forbidden', 'Only an admin or operator may decide a request.')
    return epochSeconds(this.#context.clock())
  }

  async #pending(requestId: number, now: number): Promise<RequestRow> {
    const row = await this.#context.store.read.request(requestId)
    if (!row) throw new CaError('notFound', `There is no request ${requestId}.`)
    const state = stateOf(row, now)
    if (state === 'pending') return row
    throw new CaError(
      'conflict',
      state === 'expired'
        ? `Request ${requestId} has expired: its caller may ask again.`
        : `Request ${requestId} is ${state} already.`,
    )
  }
}
