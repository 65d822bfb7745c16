import type { Authority, IssuingAuthority } from '../ca/authority.ts'
import type { OcspSigner } from '../ca/ocsp-responders.ts'
import { type Clock, epochSeconds } from '../clock.ts'
import type { OcspOptions } from '../config/authority-schema.ts'
import { CaError } from '../errors.ts'
import type { Store } from '../store/store.ts'
import { traced } from '../tracing/spans.ts'
import { Turns } from '../turns.ts'
import { answerOf, type OcspAnswer, ocspError, UNAUTHORIZED } from './answer.ts'
import { AnswerCounts, type Answered } from './answer-counts.ts'
import { BroughtResponses, type BroughtResponsesContext } from './brought-responses.ts'
import { isIssuer } from './cert-id.ts'
import { Rate } from './rate.ts'
import { type OcspRequest, parseOcspRequest } from './request.ts'
import type { CacheChange } from './response-cache.ts'
import { SharedAnswers, type SharedResponse } from './shared-answers.ts'
import { type SignedResponse, signResponse } from './sign-response.ts'
import { statusOf } from './status.ts'

export interface OcspResponderOptions {
  readonly authorities: () => readonly Authority[]
  readonly store: Store
  readonly clock: Clock
  /** Of one authority. */
  readonly options: (authority: string) => OcspOptions
  /** Who signs for an authority whose key is here. */
  readonly signerOf: (authority: IssuingAuthority) => Promise<OcspSigner>
  readonly crlOf: BroughtResponsesContext['crlOf']
  /** How many signed answers are kept. */
  readonly cacheEntries: number
  /** Signatures a second for answers that no cache can hold. */
  readonly uncachedRate: number
  /** Hears why an answer became tryLater or internalError; the client does not. */
  readonly onError: (error: unknown) => void
  /** Hears once a day at most what somebody has to do for an authority's responses. */
  readonly onWarning?: (authority: string, reason: string) => void
}

/** So many are signed at once: whatever else the event loop has to do waits for no more of them. */
const SIGNED_AT_ONCE = 32
/** More that wait or are being signed mean that the signer cannot keep up: later is better than never. */
const MAX_SIGNING = 256
/** How often answers are looked through for those to be signed ahead of time. Milliseconds. */
const LOOK_AHEAD = 30_000
/** A brought response may be followed by one that says "revoked"; a cache hides that for no longer than this. Seconds. */
const BROUGHT_MAX_AGE = 3600

/**
 * Answers OCSP requests (RFC 6960, with the profile of RFC 5019) for every authority whose key is here, and for the others
 * with the responses that were brought. To be stopped before the store is closed.
 */
export class OcspResponder {
  /** Of what was answered over HTTP. */
  readonly counts = new AnswerCounts()
  readonly #options: OcspResponderOptions
  readonly #shared: SharedAnswers
  readonly #uncached: Rate
  readonly #brought: BroughtResponses
  #timer: NodeJS.Timeout | null = null
  #refresh: Promise<void> = Promise.resolve()
  readonly #turns = new Turns(SIGNED_AT_ONCE)
  #signing = 0
  #onHeld: ((change: CacheChange) => void) | null = null
  #sharedBegun = 0

  constructor(options: OcspResponderOptions) {
    const { authorities, cacheEntries: entries, clock, crlOf, store, uncachedRate } = options
    const { onWarning = () => {} } = options
    this.#options = options
    this.#uncached = new Rate(uncachedRate, clock)
    this.#brought = new BroughtResponses({ authorities, store, clock, crlOf, onWarning })
    this.#shared = new SharedAnswers({
      ...{ entries, clock, onError: (error) => this.#tell(error) },
      changed: (change) => this.#onHeld?.(change),
      sign: async (id, certId) => {
        this.#sharedBegun++
        const authority = options.authorities().find((one) => one.id === id)
        return authority && canSign(authority) && authority.answersUntil > this.#now()
          ? this.#sign(authority, { certIds: [certId], nonce: null })
          : null
      },
    })
  }

  /** Looks after its answers from then on. Before, the store is not open: bringing it forward may take a long one minutes. */
  async start(): Promise<void> {
    this.#timer ??= setInterval(() => {
      this.#refresh = this.#refresh.then(() => this.#look())
    }, LOOK_AHEAD).unref()
    await this.responseBrought()
  }

  /**
   * Always an answer, never an exception. `asked`: what the request looked like before it was decoded, for `known` to answer
   * it from then on.
   */
  async respond(der: Uint8Array, asked: string | null = null): Promise<OcspAnswer> {
    try {
      return await this.#answer(parseOcspRequest(der), asked)
    } catch (error) {
      const code = error instanceof CaError ? error.code : null
      if (code === 'malformedRequest') return ocspError('malformedRequest')
      this.#tell(error)
      // Java takes both as undetermined; mod_ssl staples them. What may pass by itself says so.
      return ocspError(code === null ? 'internalError' : 'tryLater')
    }
  }

  /** The signed answer to a request that looks like one before, if it is held. At once; `respond` would give the same. */
  known(asked: string): SignedResponse | null {
    const signed = this.#shared.known(asked)
    if (signed) this.counts.answeredAtOnce(signed.says)
    return signed
  }

  /**
   * Tells whoever keeps copies what changes in `held`, at once. What a copy gave to clients is to be told to `wanted`: only
   * that is signed ahead of time, and counted.
   */
  copyTo(told: (change: CacheChange) => void): void {
    this.#onHeld = told
  }

  held(): Iterable<CacheChange> {
    return this.#shared.held()
  }

  wanted(keys: readonly string[], answered: Answered = {}): void {
    this.#shared.wanted(keys)
    this.counts.add(answered)
  }

  /** To be called after authorities came, went or changed. */
  authoritiesChanged(): void {
    this.#shared.keepOnly(
      ({ authority, certId }) => this.#speakersFor([certId]).find(canSign)?.id === authority,
    )
  }

  /**
   * To be called after a revocation or release is durable, and awaited: whoever asks from then on hears of it, and answers
   * that were kept have been replaced.
   */
  certificateChanged(authorityId: string, serialNumber: string): Promise<void> {
    return this.#shared.replace(authorityId, serialNumber)
  }

  /** To be called when what signed for this authority is not to be believed any more. */
  signerLost(authorityId: string): void {
    this.#shared.dropAll(authorityId)
  }

  /** To be called when revocations may be on record that nobody heard of. */
  revocationsInDoubt(): void {
    for (const { id } of this.#options.authorities()) this.#shared.dropAll(id)
  }

  /** To be called after a response was brought. */
  responseBrought(): Promise<void> {
    return this.#brought.look().catch((error: unknown) => this.#options.onError(error))
  }

  /** One for each authority whose responses are brought. */
  health(): { authority: string; reason: string | null; until: number }[] {
    return this.#brought.health()
  }

  /** Waits for what is signed ahead of time. */
  async stop(): Promise<void> {
    if (this.#timer) clearInterval(this.#timer)
    await this.#refresh
  }

  async #look(): Promise<void> {
    await Promise.all([this.#shared.refreshAhead(), this.responseBrought()])
  }

  async #answer(request: OcspRequest, asked: string | null): Promise<OcspAnswer> {
    const { certIds, nonce } = request
    const [certId] = certIds
    const speakers = this.#speakersFor(certIds)
    const authority = speakers.find(canSign)
    if (!authority) return this.#handOut(speakers, certIds)
    const sign = async () => answerOf(await this.#sign(authority, request), 'uncached', null)
    if (certIds.length > 1) {
      this.#takeUncached()
      return sign()
    }
    // RFC 5019 4: a responder may leave the nonce out. Beyond the rate it does, rather than say nothing.
    if (nonce && this.#uncached.take()) return sign()
    const begun = this.#sharedBegun
    const flight = this.#shared.get(authority.id, certId)
    const cache = this.#sharedBegun === begun ? 'hit' : 'miss'
    const signed = await flight
    // One with a nonce got none only since there were too many.
    if (asked !== null && !nonce) this.#shared.remember(asked, certId)
    return answerOf(signed, cache, this.#now())
  }

  /** Those that issued all that is asked about and still answer: two where a root was made anew with its name and key. */
  #speakersFor(certIds: OcspRequest['certIds']): Authority[] {
    const now = this.#now()
    return this.#options
      .authorities()
      .filter(
        ({ certificate, answersUntil }) =>
          certIds.every((certId) => isIssuer(certificate, certId)) && answersUntil > now,
      )
  }

  /** Signed where the key is, about one certificate each, and handed out as they are: the newest counts. */
  async #handOut(
    speakers: readonly Authority[],
    [certId, ...more]: OcspRequest['certIds'],
  ): Promise<OcspAnswer> {
    const found = await Promise.all(
      more.length > 0 ? [] : speakers.map(({ id }) => this.#brought.find(id, certId)),
    )
    const [brought] = found.flatMap((one) => one ?? []).sort((a, b) => b.thisUpdate - a.thisUpdate)
    if (!brought) return UNAUTHORIZED
    const { der, etag, thisUpdate, nextUpdate } = brought
    const now = this.#now()
    const maxAge = Math.min(BROUGHT_MAX_AGE, nextUpdate - now)
    return {
      ...{ status: 'successful', der, says: 'brought', cache: 'hit' },
      cacheable: { maxAge, etag, lastModified: thisUpdate, expires: now + maxAge },
    }
  }

  /** Null if there is a certificate of which nothing is to be said. */
  async #sign(authority: IssuingAuthority, request: OcspRequest): Promise<SharedResponse | null> {
    if (this.#signing >= MAX_SIGNING)
      throw new CaError('overloaded', 'Too many OCSP answers are being signed.')
    this.#signing++
    try {
      return await traced('sign OCSP response', () =>
        this.#turns.run(() => this.#signNow(authority, request)),
      )
    } finally {
      this.#signing--
    }
  }

  async #signNow(authority: IssuingAuthority, request: OcspRequest): Promise<SharedResponse | null> {
    // Read before the statuses: what the answer says was true at its thisUpdate or later.
    const now = this.#now()
    const { store, options: optionsOf, signerOf } = this.#options
    const options = optionsOf(authority.id)
    const rows = await Promise.all(
      request.certIds.map(({ serialNumber }) =>
        serialNumber === null ? null : store.read.certificateStatus(authority.id, serialNumber),
      ),
    )
    const statuses = rows.map((row) => statusOf(row, options, now))
    if (!statuses.every((status) => status !== null)) return null
    const isKnown = !statuses.includes('unknown')
    // A made-up serial number costs a signature, and no cache is of use.
    if (!isKnown && request.certIds.length === 1 && !request.nonce) this.#takeUncached()
    const authorityEnd = authority.certificate.notAfter
    const wish = { request, statuses, now, authorityEnd, options }
    return { ...(await signResponse(await signerOf(authority), wish)), isKept: isKnown }
  }

  /** A flood must not fill the log as well. */
  #tell(error: unknown): void {
    if (!(error instanceof CaError) || error.code !== 'overloaded') this.#options.onError(error)
  }

  #takeUncached(): void {
    if (this.#uncached.take()) return
    throw new CaError('overloaded', 'Too many OCSP answers are asked for that no cache can hold.')
  }

  #now(): number {
    return epochSeconds(this.#options.clock())
  }
}

function canSign(authority: Authority): authority is IssuingAuthority {
  return authority.signer !== null
}

export function createOcspResponder(options: OcspResponderOptions): OcspResponder {
  return new OcspResponder(options)
}
