import { createHash } from 'node:crypto'
import type { Origin, Principal } from '../auth/principal.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { Extension } from '../pki/certificate/extensions.ts'
import { crlPartition } from '../pki/crl/partition.ts'
import { keyHash } from '../pki/keys/public-key.ts'
import { nameText } from '../pki/names/san.ts'
import { assembleSigned } from '../pki/signed.ts'
import type { CertificateRow } from '../store/queries.ts'
import type { Store } from '../store/store.ts'
import { auditEntry, markAudited } from './audit.ts'
import { namesCrl, type PublicUrls, sharedExtensions } from './certificate-template.ts'
import { decide, type Grant, type PolicyContext, subjectText } from './policy/grant.ts'
import { prepare } from './prepare.ts'
import { type IssuanceRequest, requestedKey } from './request.ts'

export interface IssuanceContext extends PolicyContext {
  readonly store: Store
  readonly clock: Clock
  /** Asked at each issuance: a listener on a port that the system picks knows its URL late. */
  readonly urls: () => PublicUrls
  /** Over how many CRLs the certificates of an authority are spread; 1 where they all name the full one. */
  readonly crlPartitions: (authority: string) => number
  /** Called after a new certificate is durable. */
  readonly issued?: () => void
}

/** A certificate that is durable. `replayed`: an earlier request with the same idempotency key made it. */
export interface Issued {
  readonly certificate: CertificateRow
  readonly replayed: boolean
}

/** The one issuance path: policy, prepare, sign, record; only then is the certificate anyone's. */
export class Issuer {
  readonly #context: IssuanceContext
  /** By the issuer's certificate, and by profile and partition of the CRL. */
  readonly #templates = new WeakMap<object, Map<string, readonly Extension[]>>()

  constructor(context: IssuanceContext) {
    this.#context = context
  }

  /**
   * `read` translates the caller's bytes: what cannot be read is a refusal like any other. Throws `CaError`; a refusal
   * is in the audit log before the caller hears of it, unless the caller has nothing but a spent token.
   */
  async issue(read: () => IssuanceRequest, principal: Principal, origin: Origin): Promise<Issued> {
    const now = this.#context.clock()
    let request: IssuanceRequest | undefined
    try {
      request = read()
      return await this.#issue(request, principal, origin, now)
    } catch (error) {
      await this.#auditRefusal(error, request, principal, origin, now)
      markAudited(error)
      throw error
    }
  }

  async #issue(request: IssuanceRequest, principal: Principal, origin: Origin, now: Date): Promise<Issued> {
    const { store } = this.#context
    const idempotency = idempotencyOf(request, principal)
    if (idempotency) {
      const earlier = await store.read.idempotentIssuance(idempotency.scope, idempotency.key)
      if (earlier && !earlier.requestHash.equals(idempotency.requestHash)) {
        throw new CaError(
          'idempotencyConflict',
          'This Idempotency-Key was used with another request. Use a new key for a new CSR.',
        )
      }
      if (earlier) return this.#replay(earlier.serialNumber)
    }
    if (principal.kind === 'token' && principal.token.spentOn) {
      throw new CaError('tokenSpent', 'The enrolment token was used up. Ask an admin for a new one.')
    }

    const grant = decide(request, principal, this.#context, epochSeconds(now))
    const { signer } = grant.authority
    const prepared = prepare(grant, request.proof, signer, (serialNumber) =>
      this.#shared(grant, this.#partitionOf(serialNumber, grant)),
    )
    const { serialNumber } = prepared
    const partition = this.#partitionOf(serialNumber, grant)
    const tbs = prepared.take()
    const der = assembleSigned(tbs, signer.algorithm, await signer.sign(tbs))
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
      der,
      keyHash: keyHash(grant.publicKey.spki),
      replaces: grant.replaces,
    }
    // Record, then release: until this resolves the certificate exists nowhere, and a failure throws it away.
    const outcome = await store.write('recordIssuance', {
      ...record,
      partition: partition === null ? null : { number: partition, url: this.#crlUrl(grant, partition) },
      tokenId: principal.kind === 'token' ? principal.token.tokenId : null,
      orderId: principal.kind === 'account' ? (principal.order?.orderId ?? null) : null,
      idempotency,
      audit: auditEntry(
        grant.replaces ? 'certificate.renew' : 'certificate.issue',
        'ok',
        serialNumber,
        principal,
        origin,
        now,
        {
          profile: grant.profile.name,
          authority: grant.authority.id,
          ...(grant.replaces ? { replaces: grant.replaces } : {}),
        },
      ),
    })
    if (outcome.outcome === 'replayed') return this.#replay(outcome.serialNumber)
    this.#context.issued?.()
    return {
      certificate: { ...record, names: [...grant.names], revocation: null, replacedBy: null },
      replayed: false,
    }
  }

  #partitionOf(serialNumber: string, { authority, profile }: Grant): number | null {
    const partitions = namesCrl(profile) ? this.#context.crlPartitions(authority.id) : 1
    return partitions > 1 ? crlPartition(serialNumber, partitions) : null
  }

  #crlUrl({ authority }: Grant, partition: number): string {
    return this.#context.urls().crl(authority.id, partition)
  }

  #shared({ authority, profile }: Grant, partition: number | null): readonly Extension[] {
    const { certificate } = authority
    const known = this.#templates.get(certificate) ?? new Map<string, readonly Extension[]>()
    this.#templates.set(certificate, known)
    const key = `${profile.name}/${partition}`
    const shared = known.get(key) ?? sharedExtensions(authority, profile, this.#context.urls(), partition)
    known.set(key, shared)
    return shared
  }

  async #replay(serialNumber: string): Promise<Issued> {
    const certificate = await this.#context.store.read.certificate(serialNumber)
    if (!certificate) throw new CaError('internal', 'The certificate of an idempotency key is missing.')
    return { certificate, replayed: true }
  }

  async #auditRefusal(
    error: unknown,
    request: IssuanceRequest | undefined,
    principal: Principal,
    origin: Origin,
    now: Date,
  ): Promise<void> {
    const { code, detail } = error instanceof CaError ? error : new CaError('internal', '')
    // Nobody was refused, and there is nothing that could be written.
    if (code === 'storeFailed' || code === 'overloaded') return
    // Anybody may have an account: what it tries is in the request log.
    if (principal.kind === 'account' && code !== 'internal') return
    // The token's one use is audited; its holder must not be able to fill the store afterwards.
    if (principal.kind === 'token' && principal.token.spentOn !== null && code !== 'internal') return
    await this.#context.store.write(
      'audit',
      auditEntry(
        'certificate.refuse',
        code === 'internal' ? 'failed' : 'refused',
        request?.renewalOf?.serialNumber ?? '',
        principal,
        origin,
        now,
        // A hundred long names can stand in a detail.
        { code, detail: code === 'internal' ? 'see the log' : detail.slice(0, LONGEST_DETAIL) },
      ),
    )
  }
}

/** Characters of a refusal's words that the audit log keeps. */
const LONGEST_DETAIL = 1000

/** The same request is the same CSR and the same wishes, by the same principal. */
function idempotencyOf(request: IssuanceRequest, principal: Principal) {
  if (request.idempotencyKey === undefined) return null
  const hash = createHash('sha256')
  hash.update(request.proof.kind === 'csr' ? request.proof.csr.der : requestedKey(request.proof).spki)
  hash.update(
    JSON.stringify([
      request.profile ?? null,
      request.authority ?? null,
      request.names?.map(nameText) ?? null,
      request.validity ?? null,
      request.notAfter ?? null,
      request.renewalOf?.serialNumber ?? null,
    ]),
  )
  return { scope: principal.id, key: request.idempotencyKey, requestHash: hash.digest() }
}
