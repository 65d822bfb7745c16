import type { Origin, Principal } from '../auth/principal.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import type { Config } from '../config/config.ts'
import { CaError } from '../errors.ts'
import { proveCsr } from '../pki/csr/prove.ts'
import { keyHash } from '../pki/keys/public-key.ts'
import { nameText } from '../pki/names/san.ts'
import type { RequestRow, RequestState } from '../store/approval-queries.ts'
import type { Store } from '../store/store.ts'
import { auditEntry } from './audit.ts'
import { isImpatient } from './policy/approval.ts'
import { type Grant, subjectText } from './policy/grant.ts'
import type { IssuanceRequest } from './request.ts'
import { fingerprintOf, idempotencyOf } from './request-identity.ts'

export interface WaitingContext {
  readonly store: Store
  readonly clock: Clock
  readonly waiting: Config['approvals']
}

/** For how long it is on record that a request was refused or has expired, for a client that comes late. Seconds. */
export const KEPT = 7 * 86_400

/** Requests that wait for a person, or were decided, as their callers meet them. */
export class WaitingRequests {
  readonly #context: WaitingContext

  constructor(context: WaitingContext) {
    this.#context = context
  }

  /**
   * The same request by the same principal, if it waits or was approved. It counts whatever the profile says by now.
   * Throws "requestRefused" with the admin's reason, and "tokenSpent" for a token that belongs to another request.
   */
  async find(request: IssuanceRequest, principal: Principal): Promise<RequestRow | null> {
    if (isImpatient(principal)) return null
    const bound = principal.kind === 'token' ? principal.token.requestId : null
    // What a token asks for binds it: one that is not bound has no request, and need not be looked for.
    if (principal.kind === 'token' && bound === null) return null
    const row = await this.#context.store.read.requestByFingerprint(fingerprintOf(request, principal))
    if (bound !== null && bound !== row?.requestId) {
      throw new CaError(
        'tokenSpent',
        `The enrolment token belongs to request ${bound}, and may ask for nothing else: repeat that request, or ask an admin for a new token.`,
      )
    }
    if (!row || stateOf(row, epochSeconds(this.#context.clock())) === 'expired') return null
    await prove(request)
    return standing(row)
  }

  /**
   * Puts a request on record that policy allows; it may be decided by the time it is read back. Throws what `proveCsr`
   * throws before anything is recorded, and "tooManyPending".
   */
  async record(
    request: IssuanceRequest,
    grant: Grant,
    principal: Principal,
    origin: Origin,
    now: Date,
  ): Promise<RequestRow> {
    await prove(request)
    const { store, waiting } = this.#context
    const { proof } = request
    const createdAt = epochSeconds(now)
    const expiresAt = createdAt + waiting.validity
    const { requestId } = await store.write('createRequest', {
      fingerprint: fingerprintOf(request, principal),
      principal: principal.id,
      protocol: request.protocol ?? 'library',
      profile: grant.profile.name,
      authority: request.authority ?? null,
      validity: request.validity ?? null,
      notAfter: request.notAfter ?? null,
      names: grant.names,
      csr: proof.kind === 'csr' ? proof.csr.der : null,
      keyType: grant.publicKey.type,
      keyHash: keyHash(grant.publicKey.spki),
      subject: subjectText(grant),
      renewalOf: grant.replaces,
      tokenId: principal.kind === 'token' ? principal.token.tokenId : null,
      idempotency: idempotencyOf(request, principal),
      createdAt,
      expiresAt,
      keptUntil: expiresAt + KEPT,
      most: waiting.pendingPerCaller,
      audit: auditEntry('request.create', 'ok', '', principal, origin, now, {
        profile: grant.profile.name,
        names: grant.names.map(nameText),
        ...(grant.replaces ? { replaces: grant.replaces } : {}),
      }),
    })
    return standing((await store.read.request(requestId))!)
  }
}

/** What a request is at `now`, in seconds. */
export function stateOf(
  { state, expiresAt }: Pick<RequestRow, 'state' | 'expiresAt'>,
  now: number,
): RequestState {
  return state === 'pending' && expiresAt <= now ? 'expired' : state
}

/** The row, unless it was refused. */
function standing(row: RequestRow): RequestRow {
  if (row.state !== 'refused') return row
  const reason = /[.!?]$/.test(row.reason!) ? row.reason : `${row.reason}.`
  throw new CaError('requestRefused', `An admin refused request ${row.requestId}: ${reason}`)
}

/** Nobody without the key hears what became of a request, or makes one. */
async function prove({ proof }: IssuanceRequest): Promise<void> {
  if (proof.kind === 'csr') await proveCsr(proof.csr)
}
