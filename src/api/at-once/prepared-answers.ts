import { type Clock, epochSeconds } from '../../clock.ts'
import { freshnessOf } from '../../ocsp/answer.ts'
import type { SignedResponse } from '../../ocsp/sign-response.ts'
import { type Freshness, freshnessHeaders, httpDate } from '../freshness.ts'
import { OCSP_RESPONSE } from '../ocsp.ts'

/** An OCSP response as it is answered, for one second. Names and values by turns, as `writeHead` takes them. */
export interface PreparedAnswer {
  readonly second: number
  /** What is compared with a conditional request. */
  readonly freshness: Pick<Freshness, 'etag' | 'served'>
  /** In Latin-1. Node writes head and body in one piece if both are text, and in two if the body is a Buffer. */
  readonly body: string
  readonly ok: string[]
  readonly notModified: string[]
  /** All of a message with status 200, on a connection that stays open; in Latin-1. */
  readonly message: string
}

/** Keeps what an answer's head consists of for as long as it is the same. `keepAlive`: milliseconds, as the server has them. */
export class PreparedAnswers {
  readonly #clock: Clock
  readonly #keepAlive: () => number
  readonly #prepared = new WeakMap<SignedResponse, PreparedAnswer>()

  constructor(clock: Clock, keepAlive: () => number) {
    this.#clock = clock
    this.#keepAlive = keepAlive
  }

  of(signed: SignedResponse): PreparedAnswer {
    const second = epochSeconds(this.#clock())
    const known = this.#prepared.get(signed)
    if (known?.second === second) return known
    const freshness = freshnessOf(signed, second)
    const notModified = Object.entries(freshnessHeaders(freshness)).flat()
    const ok = [...notModified, 'content-type', OCSP_RESPONSE, 'content-length', String(signed.der.length)]
    const body = known?.body ?? signed.der.toString('latin1')
    const message = this.#message(second, ok, body)
    const made = { second, freshness, body, ok, notModified, message }
    this.#prepared.set(signed, made)
    return made
  }

  /** With the fields that Node adds by itself, where it adds them. */
  #message(second: number, fields: readonly string[], body: string): string {
    let head = 'HTTP/1.1 200 OK\r\n'
    for (let i = 0; i < fields.length; i += 2) head += `${fields[i]}: ${fields[i + 1]}\r\n`
    const timeout = Math.floor(this.#keepAlive() / 1000)
    return `${head}Date: ${httpDate(second)}\r\nConnection: keep-alive\r\nKeep-Alive: timeout=${timeout}\r\n\r\n${body}`
  }
}
