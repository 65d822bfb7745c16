import { CaError } from '../errors.ts'
import type { Secret } from './secret.ts'

/** What Envoy says on a stream (xDS v3, state of the world). */
export interface DiscoveryRequest {
  readonly version_info: string
  readonly resource_names: readonly string[]
  readonly type_url: string
  readonly response_nonce: string
  /** Why it refused the last answer. */
  readonly error_detail: { readonly code: number; readonly message: string } | null
}

export interface Push {
  readonly secret: Secret
  readonly nonce: string
}

export interface SubscriptionContext {
  /** Throws `CaError` where there is no such secret for the caller, or not now. */
  readonly find: (name: string) => Promise<Secret>
  /** Resolves when the client has taken it: meanwhile nothing more is made for a client that does not read. */
  readonly push: (push: Push) => Promise<void>
  /** Ends the stream with this error. */
  readonly fail: (error: unknown) => void
  readonly now: () => number
  readonly onRejected: (name: string, reason: string) => void
  readonly onWithheld: (name: string, error: unknown) => void
}

interface Held {
  /** The version that was sent last; null for none yet. */
  sent: string | null
  nonce: string | null
  /** After a refusal: when it is sent once more though it is the same. Seconds since 1970. */
  retryAt: number | null
  refreshAt: number
  /** Why it cannot be given now, so that the same is said once. */
  withheld: string | null
}

/** Envoy asks for one secret on each stream. */
const MAX_NAMES = 100

/** A key file may be a little later than the certificate: Envoy refuses until it is there. Seconds. */
const RETRY_AFTER = 10
/** What cannot be given now is looked at again. Seconds. */
const LOOK_AGAIN = 5
/** The clock is looked at this often at least, so that a client certificate that expires is noticed. Seconds. */
const LONGEST_WAIT = 60

/** What one stream has asked for, and what it was sent. One thing at a time: `receive` and `check` may be called at will. */
export class Subscription {
  readonly #context: SubscriptionContext
  readonly #held = new Map<string, Held>()
  readonly #startedAt: number
  #work: Promise<void> = Promise.resolve()
  #check: Promise<void> | null = null
  #nonces = 0
  #ended = false

  constructor(context: SubscriptionContext) {
    this.#context = context
    this.#startedAt = context.now()
  }

  receive(request: DiscoveryRequest): Promise<void> {
    return this.#next(async () => {
      this.#hear(request)
      await this.#lookAtAll()
    })
  }

  /** Sends what has changed. One that waits for its turn is enough, however often it is called. */
  check(): Promise<void> {
    this.#check ??= this.#next(() => {
      this.#check = null
      return this.#lookAtAll()
    })
    return this.#check
  }

  /** When `check` is due though nothing was heard. Seconds since 1970. */
  get dueAt(): number {
    const times = [...this.#held.values()].flatMap(({ refreshAt, retryAt }) => [
      refreshAt,
      retryAt ?? refreshAt,
    ])
    return Math.min(this.#context.now() + LONGEST_WAIT, ...times)
  }

  end(): void {
    this.#ended = true
  }

  #next(work: () => Promise<void>): Promise<void> {
    this.#work = this.#work.then(async () => {
      if (this.#ended) return
      try {
        await work()
      } catch (error) {
        this.#ended = true
        this.#context.fail(error)
      }
    })
    return this.#work
  }

  #hear({ resource_names: names, response_nonce: nonce, error_detail: refusal }: DiscoveryRequest): void {
    const wanted = new Set(names)
    if (wanted.size > MAX_NAMES) {
      throw new CaError('malformedRequest', `A stream may ask for ${MAX_NAMES} secrets, not ${wanted.size}.`)
    }
    for (const name of this.#held.keys()) if (!wanted.has(name)) this.#held.delete(name)
    for (const name of wanted) {
      if (!this.#held.has(name))
        this.#held.set(name, { sent: null, nonce: null, retryAt: null, refreshAt: 0, withheld: null })
    }
    const answered = [...this.#held].find(([, held]) => held.nonce !== null && held.nonce === nonce)
    if (!answered) return
    const [name, held] = answered
    held.retryAt = refusal ? this.#context.now() + RETRY_AFTER : null
    if (refusal) this.#context.onRejected(name, refusal.message)
  }

  async #lookAtAll(): Promise<void> {
    if (this.#held.size === 0 && this.#context.now() - this.#startedAt >= LONGEST_WAIT) {
      throw new CaError('malformedRequest', `In ${LONGEST_WAIT} s the stream asked for no secret.`)
    }
    for (const [name, held] of this.#held) {
      if (this.#ended) return
      try {
        await this.#send(held, await this.#context.find(name))
      } catch (error) {
        // With one secret alone, Envoy hears why; else the others must go on.
        const isFinal = error instanceof CaError && !MAY_PASS.has(error.code)
        if (isFinal && this.#held.size === 1) throw error
        held.refreshAt = this.#context.now() + LOOK_AGAIN
        if (held.withheld === String(error)) continue
        held.withheld = String(error)
        this.#context.onWithheld(name, error)
      }
    }
  }

  async #send(held: Held, secret: Secret): Promise<void> {
    held.refreshAt = secret.refreshAt
    held.withheld = null
    const isOverdue = held.retryAt !== null && held.retryAt <= this.#context.now()
    if (held.sent === secret.version && !isOverdue) return
    held.sent = secret.version
    held.retryAt = null
    held.nonce = String(++this.#nonces)
    await this.#context.push({ secret, nonce: held.nonce })
  }
}

/** What may pass by itself; until then Envoy keeps the secret that it has. */
const MAY_PASS: ReadonlySet<string> = new Set(['authorityNotReady', 'storeFailed', 'overloaded', 'internal'])
