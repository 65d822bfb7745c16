import type { Agent, ClientRequest } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ValidationContext } from '../acme/validation/context.ts'
import { Deadline } from '../acme/validation/deadline.ts'
import { openStream, requestTo } from '../acme/validation/request-to.ts'
import { http } from '../node-http.ts'

/** Connections to one receiver, and so notices under way to it. */
export const MOST_AT_ONCE = 4
/** Seconds for one attempt, with everything that belongs to it. */
const TIMEOUT = 15
/** Octets of an answer that are taken before the connection is cut: nothing in it is wanted. */
const MOST_BODY = 64 * 1024
/** Milliseconds for the rest of an answer, so that the connection can be kept: others wait for it. */
const REST = 1000
/** A connection that is not needed any more is closed after so many milliseconds. */
const IDLE = 5000

export interface Receiver extends Pick<ValidationContext, 'resolver' | 'networks'> {
  readonly url: URL
  /** PEM; absent: whom Node trusts. */
  readonly ca: readonly string[] | undefined
}

export interface Answer {
  readonly status: number
  /** Seconds; null where it does not say. */
  readonly retryAfter: number | null
}

/** Posts to one receiver over connections to addresses that were checked. No proxy, no redirects. */
export class Poster {
  readonly #receiver: Receiver
  readonly #agent: Agent
  readonly #stopped = new AbortController()

  constructor(receiver: Receiver) {
    this.#receiver = receiver
    this.#agent = new CheckedAgent(receiver, this.#stopped.signal)
  }

  /** Rejects with words for what happened where there is no answer. */
  async post(headers: Readonly<Record<string, string>>, body: string): Promise<Answer> {
    try {
      return await this.#attempt(headers, body)
    } catch (error) {
      // A connection that was kept may have been closed by the other end at this moment.
      if (!(error instanceof StaleConnection)) throw error
      return this.#attempt(headers, body)
    }
  }

  /** Ends what is under way. */
  close(): void {
    this.#stopped.abort(new Error('The service stops.'))
    this.#agent.destroy()
  }

  #attempt(headers: Readonly<Record<string, string>>, body: string): Promise<Answer> {
    const { url } = this.#receiver
    const payload = Buffer.from(body)
    const { signal } = this.#stopped
    return new Promise((resolve, reject) => {
      if (signal.aborted) throw signal.reason
      const sent = http.request({
        ...requestTo(url, {
          'Content-Type': 'application/json',
          'Content-Length': payload.length,
          ...headers,
        }),
        agent: this.#agent,
        method: 'POST',
      })
      const stop = () => sent.destroy(signal.reason as Error)
      let timer = setTimeout(
        () => sent.destroy(new Error(`It did not answer within ${TIMEOUT} seconds.`)),
        TIMEOUT * 1000,
      )
      signal.addEventListener('abort', stop, { once: true })
      sent.on('close', () => {
        clearTimeout(timer)
        signal.removeEventListener('abort', stop)
        reject(new Error('The connection ended before the answer.'))
      })
      sent.on('error', (error: NodeJS.ErrnoException) => reject(sayFailure(error, sent)))
      sent.on('upgrade', (_, socket) => socket.destroy())
      sent.on('response', (response) => {
        const { statusCode: status = 0, headers: received } = response
        let length = 0
        clearTimeout(timer)
        timer = setTimeout(() => response.destroy(), REST)
        response.on('data', (chunk: Buffer) => {
          length += chunk.length
          if (length > MOST_BODY) response.destroy()
        })
        response.on('error', () => {})
        resolve({ status, retryAfter: secondsOf(received['retry-after']) })
      })
      sent.end(payload)
    })
  }
}

class StaleConnection extends Error {}

/** `detail` is what the parts that connect say of it. */
function sayFailure(error: NodeJS.ErrnoException & { detail?: string }, sent: ClientRequest): Error {
  if (sent.reusedSocket && (error.code === 'ECONNRESET' || error.code === 'EPIPE'))
    return new StaleConnection('The connection was closed.')
  if (error.detail !== undefined || error.code === undefined) return new Error(error.detail ?? error.message)
  return new Error(`The exchange fails (${error.code}).`)
}

/** RFC 9110 10.2.3, in its form of seconds. */
function secondsOf(retryAfter: string | undefined): number | null {
  return retryAfter !== undefined && /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) : null
}

class CheckedAgent extends http.Agent {
  readonly #receiver: Receiver
  readonly #signal: AbortSignal

  constructor(receiver: Receiver, signal: AbortSignal) {
    super({ keepAlive: true, maxSockets: MOST_AT_ONCE, timeout: IDLE })
    this.#receiver = receiver
    this.#signal = signal
  }

  override createConnection(_: unknown, callback?: (error: Error | null, stream: Duplex) => void): undefined {
    this.#connect().then(
      (stream) => callback?.(null, stream),
      (error: Error) => callback?.(error, undefined as unknown as Duplex),
    )
  }

  async #connect(): Promise<Duplex> {
    const { url, ca } = this.#receiver
    const deadline = new Deadline(TIMEOUT, this.#signal)
    try {
      const trust = { rejectUnauthorized: true, ...(ca ? { ca: [...ca] } : {}) }
      return await openStream(url, this.#receiver, deadline, trust)
    } finally {
      deadline.close()
    }
  }
}
