import type { Origin, Principal } from '../auth/principal.ts'
import { epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import { keyHash } from '../pki/keys/public-key.ts'
import { nameText } from '../pki/names/san.ts'
import type { RequestRow } from '../store/approval-queries.ts'
import type { IssuanceRecord } from '../store/commands.ts'
import type { CertificateRow } from '../store/queries.ts'
import { traced } from '../tracing/spans.ts'
import { auditEntry } from './audit.ts'
import { finish } from './finish.ts'
import { keysCountFrom } from './idempotency-keys.ts'
import { IssuanceFigures } from './issuance-figures.ts'
import { type Impatient, needsApproval } from './policy/approval.ts'
import { askedProfile, decide, type Grant, type PolicyContext, subjectText } from './policy/grant.ts'
import { prepare } from './prepare.ts'
import { auditRefusal } from './refusal-audit.ts'
import type { IssuanceRequest } from './request.ts'
import { idempotencyOf } from './request-identity.ts'
import { SharedParts, type SharedPartsContext } from './shared-parts.ts'
import { type WaitingContext, WaitingRequests } from './waiting-requests.ts'

export interface IssuanceContext extends PolicyContext, SharedPartsContext, WaitingContext {
  /** Called after a new certificate is durable. */
  readonly issued?: () => void
  /** For how long an idempotency key counts after the certificate that it gave. Seconds. */
  readonly idempotencyKeyLife: number
}

/** A certificate that is durable. `replayed`: an earlier request, with the same idempotency key or approved, made it. */
export interface Issued {
  readonly outcome: 'issued'
  readonly certificate: CertificateRow
  readonly replayed: boolean
}

/** A request that is on record and waits for a person; asked again, it is the certificate or the refusal. */
export interface Pending {
  readonly outcome: 'pending'
  readonly request: RequestRow
}

/** A request of somebody else, which an admin approves. */
export interface Approval {
  /** As it is on record, and perhaps narrowed. */
  readonly request: IssuanceRequest
  readonly requester: Principal
  readonly row: RequestRow
  /** Seconds since 1970: until when the caller may fetch the certificate. */
  readonly keptUntil: number
}

/** The one issuance path: policy, prepare, sign, record; only then is the certificate anyone's. */
export class Issuer {
  readonly figures = new IssuanceFigures()
  readonly #context: IssuanceContext
  readonly #shared: SharedParts
  readonly #waiting: WaitingRequests

  constructor(context: IssuanceContext) {
    this.#context = context
    this.#shared = new SharedParts(context)
    this.#waiting = new WaitingRequests(context)
  }

  /**
   * `read` translates the caller's bytes: what cannot be read is a refusal like any other. Throws `CaError`; a refusal
   * is in the audit log before the caller hears of it, unless the caller has nothing but a spent token.
   */
  issue(read: () => IssuanceRequest, principal: Impatient, origin: Origin): Promise<Issued>
  issue(read: () => IssuanceRequest, principal: Principal, origin: Origin): Promise<Issued | Pending>
  issue(read: () => IssuanceRequest, principal: Principal, origin: Origin): Promise<Issued | Pending> {
    const now = this.#context.clock()
    let request: IssuanceRequest | undefined
    const work = async () => {
      try {
        request = read()
        return await this.#issue(request, principal, origin, now)
      } catch (error) {
        const target = request?.renewalOf?.serialNumber ?? ''
        await auditRefusal(error, this.#context.store, { target, principal, origin, now })
        throw error
      }
    }
    return this.figures.count(origin, () => this.#profileOf(request ?? {}, principal), work)
  }

  /**
   * The certificate of a request that an admin approves, by policy as it is now: it is the requester's, in whose place the
   * admin stands in the audit log. "conflict" where the request was decided meanwhile, or has expired.
   */
  approve(approval: Approval, admin: Principal, origin: Origin): Promise<Issued> {
    const profile = () => this.#profileOf({ profile: approval.row.profile }, approval.requester)
    return this.figures.count(origin, profile, () => this.#approve(approval, admin, origin))
  }

  async #approve(approval: Approval, admin: Principal, origin: Origin): Promise<Issued> {
    const { request, requester, row, keptUntil } = approval
    const now = this.#context.clock()
    try {
      const grant = traced('policy', () => decide(request, requester, this.#context, epochSeconds(now)))
      const { requestId, tokenId, idempotency } = row
      return await this.#make(grant, request, requester, now, {
        tokenId,
        orderId: null,
        idempotency: idempotency && { scope: requester.id, ...idempotency, ...this.#counted(now) },
        approves: { requestId, keptUntil },
        audit: this.#auditOf(grant, admin, origin, now, {
          request: requestId,
          requestedBy: requester.id,
          ...(request.narrowed?.names ? { names: grant.names.map(nameText) } : {}),
        }),
      })
    } catch (error) {
      const facts = { request: row.requestId, requestedBy: requester.id }
      const target = request.renewalOf?.serialNumber ?? ''
      await auditRefusal(error, this.#context.store, { target, principal: admin, origin, now, facts })
      throw error
    }
  }

  /** For the metrics: null where no such profile exists, since its name may be anybody's. */
  #profileOf(request: Parameters<typeof askedProfile>[0], principal: Principal): string | null {
    const { profiles, defaultProfile } = this.#context
    const name = askedProfile(request, principal) ?? defaultProfile
    return profiles.has(name) ? name : null
  }

  async #issue(
    request: IssuanceRequest,
    principal: Principal,
    origin: Origin,
    now: Date,
  ): Promise<Issued | Pending> {
    const given = idempotencyOf(request, principal)
    const idempotency = given && { ...given, ...this.#counted(now) }
    const earlier = await this.#idempotent(idempotency)
    if (earlier) return earlier
    // Before policy: what was decided stands, whatever policy has become.
    const known = await this.#waiting.find(request, principal)
    const answer = known && (await this.#answer(known, principal, now))
    if (answer) return answer
    if (principal.kind === 'token' && principal.token.spentOn) {
      throw new CaError('tokenSpent', 'The enrolment token was used up. Ask an admin for a new one.')
    }

    const grant = traced('policy', () => decide(request, principal, this.#context, epochSeconds(now)))
    // A token that belongs to a request waits again, also where its profile has come to need no approval.
    const isBound = principal.kind === 'token' && principal.token.requestId !== null
    if (isBound || needsApproval(grant.profile, principal, grant.replaces !== null)) {
      const row = await this.#waiting.record(request, grant, principal, origin, now)
      const recorded = await this.#answer(row, principal, now)
      if (recorded) return recorded
      throw new CaError('conflict', 'The certificate of this request was revoked just now. Ask again.')
    }
    return this.#make(grant, request, principal, now, {
      tokenId: principal.kind === 'token' ? principal.token.tokenId : null,
      orderId: principal.kind === 'account' ? (principal.order?.orderId ?? null) : null,
      idempotency,
      approves: null,
      audit: this.#auditOf(grant, principal, origin, now, {}),
    })
  }

  /** Prepares, signs and records what was granted. */
  async #make(
    grant: Grant,
    request: IssuanceRequest,
    principal: Principal,
    now: Date,
    ending: Pick<IssuanceRecord, 'tokenId' | 'orderId' | 'idempotency' | 'approves'> & {
      audit: (serialNumber: string) => IssuanceRecord['audit']
    },
  ): Promise<Issued> {
    const { signer } = grant.authority
    const prepared = prepare(grant, signer, (serialNumber) => this.#shared.extensions(grant, serialNumber))
    const { serialNumber } = prepared
    const finished = await finish(prepared, request.proof, signer)
    const record = {
      serialNumber,
      authority: grant.authority.id,
      profile: grant.profile.name,
      subject: subjectText(grant),
      names: grant.names,
      notBefore: grant.validity.notBefore,
      notAfter: grant.validity.notAfter,
      issuedAt: now.getTime(),
      principal: principal.id,
      keyHash: keyHash(grant.publicKey.spki),
      replaces: grant.replaces,
    }
    // Record, then release: until this resolves the certificate exists nowhere, and a failure throws it away.
    const outcome = await this.#context.store.write('recordIssuance', {
      ...record,
      ...finished,
      ...ending,
      partition: this.#shared.partition(grant, serialNumber),
      audit: ending.audit(serialNumber),
    })
    if (outcome.outcome === 'replayed') return this.#replay(outcome.serialNumber)
    this.#context.authorities.recorded(record.authority, record)
    this.#context.issued?.()
    return {
      outcome: 'issued',
      certificate: {
        ...record,
        der: Buffer.from(outcome.der.buffer, outcome.der.byteOffset, outcome.der.length),
        names: [...grant.names],
        revocation: null,
        replacedBy: null,
      },
      replayed: false,
    }
  }

  #auditOf(grant: Grant, actor: Principal, origin: Origin, now: Date, more: Record<string, unknown>) {
    const action = grant.replaces ? 'certificate.renew' : 'certificate.issue'
    const facts = {
      profile: grant.profile.name,
      authority: grant.authority.id,
      ...(grant.replaces ? { replaces: grant.replaces } : {}),
      // A certificate renews itself over REST or EST; whoever else asks has one way alone, which need not be said each time.
      ...(actor.kind === 'certificate' && origin.protocol === 'est' ? { protocol: 'est' } : {}),
      ...more,
    }
    return (serialNumber: string) => auditEntry(action, 'ok', serialNumber, actor, origin, now, facts)
  }

  #counted(now: Date): { countsFrom: number } {
    return { countsFrom: keysCountFrom(now, this.#context.idempotencyKeyLife) }
  }

  async #idempotent(idempotency: IssuanceRecord['idempotency']): Promise<Issued | null> {
    if (!idempotency) return null
    const { scope, key, requestHash, countsFrom } = idempotency
    const earlier = await this.#context.store.read.idempotentIssuance(scope, key, countsFrom)
    if (earlier && !earlier.requestHash.equals(requestHash)) {
      throw new CaError(
        'idempotencyConflict',
        'This Idempotency-Key was used with another request. Use a new key for a new CSR.',
      )
    }
    return earlier && earlier.serialNumber !== null ? this.#replay(earlier.serialNumber) : null
  }

  /** Of a request on record; null where its certificate has ended, so that the same may be asked for anew. */
  async #answer(row: RequestRow, principal: Principal, now: Date): Promise<Issued | Pending | null> {
    if (row.serialNumber === null) return { outcome: 'pending', request: row }
    const issued = await this.#replay(row.serialNumber)
    const { revocation, notAfter } = issued.certificate
    // A token has had its one certificate, whatever became of that.
    const isGood = revocation === null && notAfter >= epochSeconds(now)
    return isGood || principal.kind === 'token' ? issued : null
  }

  async #replay(serialNumber: string): Promise<Issued> {
    const certificate = await this.#context.store.read.certificate(serialNumber)
    if (!certificate) throw new CaError('internal', 'The certificate of an earlier request is missing.')
    return { outcome: 'issued', certificate, replayed: true }
  }
}
