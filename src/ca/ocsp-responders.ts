import { join } from 'node:path'
import { type Clock, epochSeconds } from '../clock.ts'
import type { OcspOptions } from '../config/authority-schema.ts'
import { CaError } from '../errors.ts'
import type { CertificateInfo } from '../pki/certificate/parse.ts'
import { readPublicKey } from '../pki/keys/public-key.ts'
import type { Store } from '../store/store.ts'
import type { Authorities } from './authorities.ts'
import type { Authority } from './authority.ts'
import { RESPONDER_PROFILE } from './internal-profiles.ts'
import type { Issuer } from './issue.ts'
import { type KeptIdentity, loadIdentity, renewalTime } from './kept-identity.ts'
import { createKeySigner } from './key-signer.ts'
import { makeIdentity } from './own-identity.ts'
import type { Signer } from './signer.ts'

/** Who signs OCSP responses: the authority, or a responder that it certified, whose certificate goes with them. */
export interface OcspSigner {
  readonly signer: Signer
  readonly certificate: CertificateInfo
  readonly isDelegated: boolean
}

export interface OcspRespondersContext {
  readonly store: Store
  readonly authorities: Authorities
  readonly issuer: Issuer
  readonly clock: Clock
  readonly directory: string
  readonly passphrase: string
  readonly options: (
    authority: string,
  ) => Pick<OcspOptions, 'signer' | 'responderValidity' | 'responderKeyType'>
  readonly onError: (authority: string, error: unknown) => void
}

/** How soon a responder's certificate is tried for again after a failure. Seconds. */
const RETRY_AFTER = 60

/** How often it is looked whether one is due: the clock may leap, or the machine sleep. Milliseconds. */
const LOOK = 1000

/** The delegated OCSP responders (RFC 6960 4.2.2.2), one an authority. To be stopped before the store is closed. */
export class OcspResponders {
  readonly #context: OcspRespondersContext
  readonly #held = new Map<string, OcspSigner>()
  readonly #renewals = new Map<string, Promise<OcspSigner>>()
  readonly #failures = new Map<string, { readonly at: number; readonly reason: string }>()
  #timer: NodeJS.Timeout | null = null
  #stopped = false

  constructor(context: OcspRespondersContext) {
    this.#context = context
  }

  /** From memory where there is one that is valid; a new one is awaited only where there is none. Throws `CaError`. */
  async signerOf({ id, certificate, signer }: Authority): Promise<OcspSigner> {
    if (!signer) throw new CaError('authorityNotReady', `The key of authority "${id}" is not here.`)
    if (this.#context.options(id).signer === 'authority') return { signer, certificate, isDelegated: false }
    const held = this.#held.get(id)
    const now = this.#now()
    const failure = this.#recentFailure(id, now)
    if (held && serves(held, certificate, now)) {
      if (this.#dueAt(id, held.certificate) <= now && !failure) this.#renewed(id).catch(() => {})
      return held
    }
    // Each try makes a key and may leave an audit row: whoever asks for OCSP must not set the pace.
    if (failure) throw new CaError('overloaded', failure, { retryAfter: RETRY_AFTER })
    return this.#renewed(id)
  }

  /** Sees to every responder that is missing or due, and from then on keeps to it. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => void this.#look(), LOOK).unref()
    await this.#look()
  }

  /** Called with serial numbers that were revoked: whose certificate is among them gets another. Returns their authorities. */
  async certificatesRevoked(serialNumbers: readonly string[]): Promise<string[]> {
    const revoked = new Set(serialNumbers)
    const lost = [...this.#held].filter(([, { certificate }]) => revoked.has(certificate.serialNumber))
    for (const [id] of lost) this.#held.delete(id)
    await Promise.all(lost.map(([id]) => this.#renewed(id).catch(() => {})))
    return lost.map(([id]) => id)
  }

  /** Likewise where a revocation may be on record that nobody heard of. */
  async revocationsInDoubt(): Promise<string[]> {
    const { read } = this.#context.store
    const serialNumbers = [...this.#held.values()].map(({ certificate }) => certificate.serialNumber)
    const rows = await Promise.all(serialNumbers.map((one) => read.certificate(one)))
    return this.certificatesRevoked(rows.flatMap((row) => (row?.revocation ? row.serialNumber : [])))
  }

  /** One for each authority whose responses are delegated. */
  health(): { authority: string; ok: boolean; reason: string | null; until: number | undefined }[] {
    const now = this.#now()
    return this.#delegating().map(({ id }) => {
      const held = this.#held.get(id)
      const ok = held !== undefined && isValid(held, now)
      const failure = this.#failures.get(id)?.reason ?? null
      const reason = failure ?? (ok ? null : 'Its OCSP responder has no certificate.')
      return { authority: id, ok, reason, until: held?.certificate.notAfter }
    })
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer) clearInterval(this.#timer)
    await Promise.allSettled(this.#renewals.values())
  }

  #delegating(): Authority[] {
    const now = this.#now()
    const { authorities, options } = this.#context
    return authorities
      .all()
      .filter(
        ({ id, signer, answersUntil }) =>
          signer !== null && answersUntil > now && options(id).signer === 'delegated',
      )
  }

  /** Never where the next one would end no later: at its authority's end, each would be followed by another at once. */
  #dueAt(id: string, certificate: CertificateInfo): number {
    return certificate.notAfter < this.#endOfNext(id) ? renewalTime(certificate) : Number.POSITIVE_INFINITY
  }

  /** Why the last try failed, if that was less than a minute ago by this clock, which may have been set back since. */
  #recentFailure(id: string, now: number): string | null {
    const failure = this.#failures.get(id)
    return failure && failure.at <= now && now < failure.at + RETRY_AFTER ? failure.reason : null
  }

  async #look(): Promise<void> {
    await Promise.all(this.#delegating().map((authority) => this.signerOf(authority).catch(() => {})))
  }

  /** One at a time for each authority: two at once would each issue a certificate. */
  #renewed(id: string): Promise<OcspSigner> {
    if (this.#stopped) return Promise.reject(new CaError('overloaded', 'The service is stopping.'))
    const underWay = this.#renewals.get(id)
    if (underWay) return underWay
    const renewal = this.#renew(id)
      .then((signer) => {
        this.#held.set(id, signer)
        this.#failures.delete(id)
        return signer
      })
      .catch((error: unknown) => {
        const reason = error instanceof CaError ? error.detail : 'The certificate could not be made.'
        this.#failures.set(id, { at: this.#now(), reason: `Its OCSP responder was not renewed: ${reason}` })
        this.#context.onError(id, error)
        throw error
      })
      .finally(() => this.#renewals.delete(id))
    this.#renewals.set(id, renewal)
    return renewal
  }

  async #renew(id: string): Promise<OcspSigner> {
    const kept = this.#held.has(id) ? null : await this.#kept(id)
    return kept ?? this.#make(id)
  }

  /** The one on disk, if it is still good for a third of its life, for this authority and by the options. */
  async #kept(id: string): Promise<OcspSigner | null> {
    const { passphrase, authorities, store, options, onError } = this.#context
    const found = await loadIdentity(this.#file(id), passphrase).catch((error: unknown) => {
      onError(id, error)
      return null
    })
    const issuer = authorities.signing(id).certificate
    if (!found || !serves(found, issuer, this.#now()) || renewalTime(found.certificate) <= this.#now())
      return null
    const row = await store.read.certificate(found.certificate.serialNumber)
    const isGood =
      row?.der.equals(found.certificate.der) &&
      !row.revocation &&
      row.authority === id &&
      found.certificate.issuer.equals(issuer.subject) &&
      // It says itself that nobody shall ask whether it is revoked: a life that was made shorter counts at once. By its own
      // begin where the clock was set back since.
      found.certificate.notAfter <=
        Math.max(this.#now(), row.issuedAt / 1000) + options(id).responderValidity &&
      readPublicKey(found.certificate.spki).type === options(id).responderKeyType
    return isGood ? delegated(found) : null
  }

  async #make(id: string): Promise<OcspSigner> {
    const { issuer, options, passphrase, onError } = this.#context
    const wish = {
      principal: 'system:ocsp',
      profile: RESPONDER_PROFILE,
      authority: id,
      keyType: options(id).responderKeyType,
      notAfter: this.#endOfNext(id),
    }
    return delegated(
      await makeIdentity(wish, issuer, this.#file(id), passphrase, (error) => onError(id, error)),
    )
  }

  #endOfNext(id: string): number {
    const { authorities, options } = this.#context
    return Math.min(this.#now() + options(id).responderValidity, authorities.signing(id).usableUntil)
  }

  #file(id: string): string {
    return join(this.#context.directory, 'keys', `ocsp-${id}.pem`)
  }

  #now(): number {
    return epochSeconds(this.#context.clock())
  }
}

/** One from the future was made before the clock was set back; relying parties refuse it. */
function isValid({ certificate }: Pick<OcspSigner, 'certificate'>, now: number): boolean {
  return certificate.notBefore <= now && now < certificate.notAfter
}

/** Before its authority has begun none is valid, and another would be no better. */
function serves(one: Pick<OcspSigner, 'certificate'>, issuer: CertificateInfo, now: number): boolean {
  return isValid(one, now) || now < issuer.notBefore
}

function delegated({ key, certificate }: KeptIdentity): OcspSigner {
  return { signer: createKeySigner(key, null), certificate, isDelegated: true }
}
