/** A signed answer to a request for one certificate without a nonce. Times in seconds since 1970. */
export interface CachedResponse {
  /** "authority/serial number". */
  readonly subject: string
  readonly der: Buffer
  readonly etag: string
  readonly thisUpdate: number
  readonly nextUpdate: number
}

/**
 * Signed answers by the exact bytes of the CertID, the least recently used one leaving first. One certificate
 * can stand here several times, once for each hash algorithm that was asked with; `drop` takes them all.
 */
export class ResponseCache {
  readonly #limit: number
  /** In the order of use. */
  readonly #responses = new Map<string, CachedResponse>()
  readonly #keysOf = new Map<string, Set<string>>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string): CachedResponse | undefined {
    const response = this.#responses.get(key)
    if (response) {
      this.#responses.delete(key)
      this.#responses.set(key, response)
    }
    return response
  }

  put(key: string, response: CachedResponse): void {
    this.#remove(key)
    this.#responses.set(key, response)
    const keys = this.#keysOf.get(response.subject)
    if (keys) keys.add(key)
    else this.#keysOf.set(response.subject, new Set([key]))
    if (this.#responses.size > this.#limit) this.#remove(this.#responses.keys().next().value!)
  }

  drop(subject: string): void {
    for (const key of this.#keysOf.get(subject) ?? []) this.#responses.delete(key)
    this.#keysOf.delete(subject)
  }

  #remove(key: string): void {
    const response = this.#responses.get(key)
    if (!response) return
    this.#responses.delete(key)
    const keys = this.#keysOf.get(response.subject)
    keys?.delete(key)
    if (keys?.size === 0) this.#keysOf.delete(response.subject)
  }
}
