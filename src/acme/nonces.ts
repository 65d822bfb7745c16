import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { type Clock, epochSeconds } from '../clock.ts'
import { readBase64url } from './jws/base64url.ts'
import { AcmeError } from './problem.ts'

/** Octets: which one it is, when it was issued, and a MAC over both. */
const COUNTER = 6
const TIME = 4
const MAC = 16

export interface NoncesOptions {
  readonly clock: Clock
  /** Seconds for which a nonce may be used; an hour if absent. */
  readonly lifetime?: number
  /** How many of the latest may be used; one bit of memory each. 2^20 if absent. */
  readonly window?: number
}

/**
 * Anti-replay nonces (RFC 8555 6.5). Issuing one stores nothing but a bit, so that a flood of requests for them costs no memory;
 * what it does is to push out those that are older than the window, whose holders get a fresh one with badNonce.
 * The key dies with the process, and so do all of its nonces: after a restart none can come again.
 */
export class Nonces {
  readonly #clock: Clock
  readonly #lifetime: number
  readonly #window: number
  /** A ring: the bit of a counter says that it was used. */
  readonly #used: Uint8Array
  readonly #key = randomBytes(32)
  #next = 0

  constructor({ clock, lifetime = 3600, window = 2 ** 20 }: NoncesOptions) {
    this.#clock = clock
    this.#lifetime = lifetime
    this.#window = window
    this.#used = new Uint8Array(Math.ceil(window / 8))
  }

  /** 35 characters of base64url that nobody can foretell. */
  issue(): string {
    const octets = Buffer.allocUnsafe(COUNTER + TIME + MAC)
    octets.writeUIntBE(this.#next, 0, COUNTER)
    octets.writeUInt32BE(epochSeconds(this.#clock()), COUNTER)
    this.#mac(octets).copy(octets, COUNTER + TIME)
    // The bit was that of the nonce which leaves the window now.
    const { index, bit } = this.#place(this.#next)
    this.#used[index]! &= ~bit
    this.#next += 1
    return octets.toString('base64url')
  }

  /** True once for each nonce that was issued and has neither expired nor left the window. */
  use(nonce: string): boolean {
    const octets = readBase64url(nonce)
    if (octets?.length !== COUNTER + TIME + MAC) return false
    if (!timingSafeEqual(octets.subarray(COUNTER + TIME), this.#mac(octets))) return false
    const age = epochSeconds(this.#clock()) - octets.readUInt32BE(COUNTER)
    const counter = octets.readUIntBE(0, COUNTER)
    if (age >= this.#lifetime || counter < this.#next - this.#window) return false
    const { index, bit } = this.#place(counter)
    if (this.#used[index]! & bit) return false
    this.#used[index]! |= bit
    return true
  }

  /** Uses the nonce of a request; AcmeError 'badNonce' if there is none or it cannot be used. */
  spend(nonce: string | null): void {
    if (nonce === null) {
      throw new AcmeError('badNonce', 'JWS has no anti-replay nonce: take the Replay-Nonce of this answer.')
    }
    // acme.sh tries again only if it reads these words.
    if (!this.use(nonce)) {
      throw new AcmeError(
        'badNonce',
        'JWS has an invalid anti-replay nonce: it was used, or is too old; take the Replay-Nonce of this answer.',
      )
    }
  }

  #mac(octets: Buffer): Buffer {
    return createHmac('sha256', this.#key)
      .update(octets.subarray(0, COUNTER + TIME))
      .digest()
      .subarray(0, MAC)
  }

  #place(counter: number): { index: number; bit: number } {
    const slot = counter % this.#window
    return { index: slot >> 3, bit: 1 << (slot & 7) }
  }
}
