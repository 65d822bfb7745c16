import type { SignedSays } from './answer-counts.ts'
import type { CertId } from './cert-id.ts'

/** A signed answer to a request for one certificate without a nonce. Times in seconds since 1970. */
export interface CachedResponse {
  readonly authority: string
  readonly certId: CertId
  readonly der: Buffer
  readonly etag: string
  readonly thisUpdate: number
  readonly nextUpdate: number
  readonly says: SignedSays
  /** Whether anybody asked for it since it was signed. */
  wanted: boolean
}

/** What became of the cache, in order, for copies of it elsewhere. */
export type CacheChange =
  | { readonly kind: 'put'; readonly key: string; readonly response: CachedResponse }
  | { readonly kind: 'remove'; readonly key: string }
  | { readonly kind: 'remember'; readonly request: string; readonly key: string }
  | { readonly kind: 'forget'; readonly request: string }

/**
 * So many requests are known again for each answer. One certificate can be asked about in no end of ways (escapes, padding,
 * extensions), of which a few are in use: more of them push out each other, and no other certificate's.
 */
const FORMS = 4

/**
 * Signed answers by the exact bytes of the CertID, the least recently used one leaving first. One certificate can stand here
 * several times, once for each hash algorithm that was asked with; `drop` takes them all. A subject is an authority and a
 * serial number. Whole requests that were read once can be remembered, and find their answer without being read again.
 */
export class ResponseCache {
  readonly #limit: number
  readonly #changed: (change: CacheChange) => void
  /** In the order of use. */
  readonly #responses = new Map<string, CachedResponse>()
  readonly #keysOf = new Map<string, Set<string>>()
  /** Request to key. */
  readonly #known = new Map<string, string>()
  /** The other way round, for as long as the answer is here. */
  readonly #formsOf = new Map<string, string[]>()

  constructor(limit: number, changed: (change: CacheChange) => void = () => {}) {
    this.#limit = limit
    this.#changed = changed
  }

  get(key: string): CachedResponse | undefined {
    const response = this.#responses.get(key)
    if (response) {
      this.#responses.delete(key)
      this.#responses.set(key, response)
    }
    return response
  }

  put(response: CachedResponse): void {
    const key = keyOf(response.certId)
    const subject = subjectOf(response.authority, response.certId.serialNumber)
    this.#removeResponse(key)
    this.#responses.set(key, response)
    this.#changed({ kind: 'put', key, response })
    const keys = this.#keysOf.get(subject)
    if (keys) keys.add(key)
    else this.#keysOf.set(subject, new Set([key]))
    if (this.#responses.size > this.#limit) this.#remove(this.#responses.keys().next().value!)
  }

  /** The answer to a request that was remembered. */
  find(request: string): CachedResponse | undefined {
    const key = this.#known.get(request)
    return key === undefined ? undefined : this.get(key)
  }

  /** Has `find` give the answer of this key for this request, for as long as there is one. */
  remember(key: string, request: string): void {
    if (!this.#responses.has(key) || this.#known.has(request)) return
    const forms = this.#formsOf.get(key) ?? []
    this.#formsOf.set(key, forms)
    if (forms.push(request) > FORMS) this.#forget(forms.shift()!)
    this.#known.set(request, key)
    this.#changed({ kind: 'remember', request, key })
  }

  /** Gives what was dropped. */
  drop(subject: string): CachedResponse[] {
    const dropped = [...(this.#keysOf.get(subject) ?? [])].flatMap((key) => this.#responses.get(key) ?? [])
    for (const { certId } of dropped) this.#remove(keyOf(certId))
    return dropped
  }

  /** All of them, the least recently used first. */
  all(): CachedResponse[] {
    return [...this.#responses.values()]
  }

  /** What would bring a copy that knows nothing to this state. */
  *changes(): Generator<CacheChange> {
    for (const [key, response] of this.#responses) yield { kind: 'put', key, response }
    for (const [request, key] of this.#known) yield { kind: 'remember', request, key }
  }

  #remove(key: string): void {
    for (const request of this.#formsOf.get(key) ?? []) this.#forget(request)
    this.#formsOf.delete(key)
    if (this.#responses.has(key)) this.#changed({ kind: 'remove', key })
    this.#removeResponse(key)
  }

  #forget(request: string): void {
    this.#known.delete(request)
    this.#changed({ kind: 'forget', request })
  }

  #removeResponse(key: string): void {
    const response = this.#responses.get(key)
    if (!response) return
    this.#responses.delete(key)
    const subject = subjectOf(response.authority, response.certId.serialNumber)
    const keys = this.#keysOf.get(subject)
    keys?.delete(key)
    if (keys?.size === 0) this.#keysOf.delete(subject)
  }
}

export function keyOf({ bytes }: CertId): string {
  return bytes.toString('latin1')
}

export function subjectOf(authority: string, serialNumber: string | null): string {
  return `${authority}/${serialNumber}`
}
