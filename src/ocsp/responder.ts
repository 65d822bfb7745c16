import type { Authority } from '../ca/authority.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import { CaError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { isIssuerOf } from './cert-id.ts'
import { type OcspRequest, parseOcspRequest } from './request.ts'
import { encodeOcspError, type OcspStatus } from './response.ts'
import { SharedAnswers } from './shared-answers.ts'
import { type SignedResponse, type SigningAuthority, signResponse } from './sign-response.ts'

export interface OcspResponderOptions {
  readonly authorities: () => readonly Authority[]
  readonly store: Store
  readonly clock: Clock
  /** Seconds from thisUpdate to nextUpdate. At least 20 minutes, so that half of it outlasts HAProxy's margin. */
  readonly lifetime?: number
  /** How many signed answers are kept. */
  readonly cacheEntries?: number
  /** Hears why an answer became tryLater or internalError; the client does not. */
  readonly onError: (error: unknown) => void
}

export interface OcspAnswer {
  readonly status: OcspStatus
  readonly der: Buffer
  /** How a GET of this answer may be cached (RFC 5019 6.2); null where it may not. */
  readonly cacheable: {
    /** Seconds. Ends at half the answer's life: whatever a cache hands out has the other half left. */
    readonly maxAge: number
    readonly etag: string
    /** Seconds since 1970. */
    readonly lastModified: number
    readonly expires: number
  } | null
}

export interface OcspResponder {
  /** Always an answer, never an exception. */
  respond(request: Uint8Array): Promise<OcspAnswer>
  /** To be called after a revocation or release is durable: whoever asks from then on hears of it. */
  certificateChanged(authorityId: string, serialNumber: string): void
}

const HOUR = 3600
/** More signatures than this at once mean that the signer cannot keep up: later is better than never. */
const MAX_SIGNING = 256

export function ocspError(status: Exclude<OcspStatus, 'successful'>): OcspAnswer {
  return { status, der: encodeOcspError(status), cacheable: null }
}

const UNAUTHORIZED = ocspError('unauthorized')

/** Answers OCSP requests (RFC 6960, with the profile of RFC 5019) for every authority whose key is here. */
class Responder implements OcspResponder {
  readonly #options: OcspResponderOptions
  readonly #lifetime: number
  readonly #shared: SharedAnswers
  #signing = 0

  constructor(options: OcspResponderOptions) {
    this.#options = options
    this.#lifetime = options.lifetime ?? 12 * HOUR
    this.#shared = new SharedAnswers(options.cacheEntries ?? 10_000, options.clock, options.onError)
  }

  async respond(der: Uint8Array): Promise<OcspAnswer> {
    try {
      return await this.#answer(parseOcspRequest(der))
    } catch (error) {
      if (error instanceof CaError && error.code === 'malformedRequest') return ocspError('malformedRequest')
      this.#options.onError(error)
      // Java takes both as undetermined; mod_ssl staples them. What may pass by itself says so.
      return ocspError(error instanceof CaError ? 'tryLater' : 'internalError')
    }
  }

  certificateChanged(authorityId: string, serialNumber: string): void {
    this.#shared.drop(`${authorityId}/${serialNumber}`)
  }

  async #answer(request: OcspRequest): Promise<OcspAnswer> {
    const { certIds, nonce } = request
    const authority = this.#speakerFor(certIds)
    if (!authority) return UNAUTHORIZED
    if (certIds.length > 1 || nonce) {
      const signed = await this.#sign(authority, request)
      return signed ? { status: 'successful', der: signed.der, cacheable: null } : UNAUTHORIZED
    }
    const [certId] = certIds
    const subject = `${authority.id}/${certId.serialNumber}`
    const key = certId.bytes.toString('latin1')
    const signed = await this.#shared.get(key, subject, () => this.#sign(authority, request))
    return signed ? this.#cacheable(signed) : UNAUTHORIZED
  }

  /** The authority that issued all that is asked about, if it can sign now. */
  #speakerFor(certIds: OcspRequest['certIds']): SigningAuthority | null {
    const authority = this.#options.authorities().find((one) => isIssuerOf(one, certIds[0]))
    if (!authority?.signer || authority.certificate.notAfter <= this.#now()) return null
    return certIds.every((certId) => isIssuerOf(authority, certId)) ? (authority as SigningAuthority) : null
  }

  /**
   * Null if any of the certificates was never issued. RFC 6960 would have "unknown" there, but GnuTLS lets
   * that pass: nothing is signed about a serial number that the store does not know.
   */
  async #sign(authority: SigningAuthority, request: OcspRequest): Promise<SignedResponse | null> {
    if (this.#signing >= MAX_SIGNING)
      throw new CaError('overloaded', 'Too many OCSP answers are being signed.')
    this.#signing++
    try {
      // Read before the statuses: what the answer says was true at its thisUpdate or later.
      const now = this.#now()
      const { read } = this.#options.store
      const statuses = await Promise.all(
        request.certIds.map(({ serialNumber }) =>
          serialNumber === null ? null : read.certificateStatus(authority.id, serialNumber),
        ),
      )
      if (!statuses.every((status) => status !== null)) return null
      return await signResponse(authority, request, statuses, now, this.#lifetime)
    } finally {
      this.#signing--
    }
  }

  #cacheable({ der, etag, thisUpdate, nextUpdate }: SignedResponse): OcspAnswer {
    const half = Math.floor((thisUpdate + nextUpdate) / 2)
    const maxAge = Math.max(0, half - this.#now())
    return {
      status: 'successful',
      der,
      cacheable: { maxAge, etag, lastModified: thisUpdate, expires: nextUpdate },
    }
  }

  #now(): number {
    return epochSeconds(this.#options.clock())
  }
}

export function createOcspResponder(options: OcspResponderOptions): OcspResponder {
  return new Responder(options)
}
