import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { answerClientError } from '../client-error.ts'
import type { TurnBudget } from '../overload/turn-budget.ts'
import { logAnswer, logsRequests } from '../request-log.ts'
import type { PlainRequest, RequestHeads } from './request-heads.ts'
import type { AtOnceContext } from './requests.ts'

export interface Surroundings extends AtOnceContext {
  readonly heads: RequestHeads
  readonly budget: TurnBudget
  readonly server: Pick<Server, 'keepAliveTimeout' | 'requestTimeout'>
  /** Node's own way with a connection. */
  readonly serve: (socket: Socket) => void
  /** Hears when it is closed, or served by Node. */
  readonly gone: (connection: HeldConnection) => void
}

/** Until a client closes what the server was about to close; as Node has it. Milliseconds. */
const KEEP_ALIVE_BUFFER = 1000
/** Octets of answers that are handed to the socket before it is asked whether the client reads. */
const WRITTEN_AT_ONCE = 16 * 1024

/** A connection that has asked for nothing but known answers so far. */
export class HeldConnection {
  readonly #socket: Socket
  readonly #around: Surroundings
  readonly #isLogged: boolean
  /** Was read, and waits for a turn or for the client to read; meanwhile nothing more is read. */
  #pending: Buffer | null = null
  #hasAnswered = false
  #isTaking = false
  #isDraining = false
  /** The client sends no more. */
  #hasEnded = false
  /** It is to be closed once what was read is answered. */
  #isEnding = false

  constructor(socket: Socket, around: Surroundings) {
    this.#socket = socket
    this.#around = around
    this.#isLogged = logsRequests(around.log)
    socket.setTimeout(around.server.requestTimeout)
    for (const [event, listener] of this.#listeners) socket.on(event, listener)
  }

  /** What was read is answered, and what was written goes out first. */
  end(): void {
    this.#isEnding = true
    this.#endIfDone()
  }

  readonly #onData = (chunk: Buffer) => {
    this.#pending = this.#pending ? Buffer.concat([this.#pending, chunk]) : chunk
    if (!this.#isDraining) this.#take(this.#around.budget.take())
  }

  readonly #onDrain = () => {
    this.#isDraining = false
    if (this.#pending) this.#take(this.#around.budget.take())
    else this.#goOn()
  }

  readonly #onEnd = () => {
    this.#hasEnded = true
    this.#endIfDone()
  }

  readonly #onTimeout = () => {
    if (this.#hasAnswered) this.#socket.destroy()
    else answerClientError(Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), this.#socket)
  }

  /** The connection is closed by it; there is nobody to tell. */
  readonly #onError = () => {}

  readonly #onClose = () => this.#around.gone(this)

  // biome-ignore lint/suspicious/noExplicitAny: each event has its own
  readonly #listeners: readonly (readonly [string, (...given: any[]) => void])[] = [
    ['data', this.#onData],
    ['drain', this.#onDrain],
    ['end', this.#onEnd],
    ['timeout', this.#onTimeout],
    ['error', this.#onError],
    ['close', this.#onClose],
  ]

  /** Answers of what was read what it may now. `mayBegin`: one request; the next ones ask the budget. */
  #take(mayBegin: boolean): void {
    const chunk = this.#pending!
    const text = chunk.toString('latin1')
    let at = 0
    let messages = ''
    let isKnown = true
    this.#isTaking = true
    for (let may = mayBegin; may && messages.length < WRITTEN_AT_ONCE; may = this.#around.budget.take()) {
      // RFC 9112 2.2: empty lines before a request mean nothing.
      while (text.startsWith('\r\n', at)) at += 2
      if (at === text.length) break
      const answered = this.#answer(text, at)
      isKnown = answered !== null
      if (!answered) break
      messages += answered.message
      at = answered.end
      if (at === text.length) break
    }
    this.#isTaking = false
    this.#pending = at < text.length ? chunk.subarray(at) : null
    if (messages !== '') this.#write(messages)
    if (!isKnown) this.#handOver()
    else {
      if (this.#pending && !this.#isDraining) this.#waitForTurn()
      else this.#goOn()
      this.#endIfDone()
    }
  }

  #answer(text: string, at: number): { message: string; end: number } | null {
    const { answers, heads, isOpen, prepared } = this.#around
    const start = this.#isLogged ? process.hrtime.bigint() : 0n
    const request = isOpen() ? heads.read(text, at) : null
    const signed = request && answers.known(request.asked)
    if (!signed) return null
    if (start > 0n) this.#log(request, start)
    return { message: prepared.of(signed).message, end: request.end }
  }

  #write(messages: string): void {
    if (!this.#hasAnswered) {
      this.#hasAnswered = true
      this.#socket.setTimeout(this.#around.server.keepAliveTimeout + KEEP_ALIVE_BUFFER)
    }
    // Who does not read is not read from.
    this.#isDraining = !this.#socket.write(messages, 'latin1')
    if (this.#isDraining) this.#socket.pause()
    this.#around.rests(this.#socket)
  }

  #waitForTurn(): void {
    this.#socket.pause()
    this.#around.budget.later(() => {
      if (!this.#socket.destroyed && this.#pending) this.#take(true)
    })
  }

  #goOn(): void {
    if (!this.#isDraining && !this.#pending && this.#socket.isPaused()) this.#socket.resume()
  }

  #endIfDone(): void {
    if (this.#pending || this.#isTaking) return
    if (this.#isEnding) this.#socket.destroySoon()
    else if (this.#hasEnded) this.#socket.end()
  }

  #log({ method, url }: PlainRequest, start: bigint): void {
    const { log, newRequestId } = this.#around
    logAnswer(log, newRequestId(), { method, url, status: 200, socket: this.#socket }, start)
  }

  #handOver(): void {
    // What comes behind the end cannot be given back to be read.
    if (this.#hasEnded) {
      this.#socket.destroySoon()
      return
    }
    for (const [event, listener] of this.#listeners) this.#socket.removeListener(event, listener)
    this.#around.gone(this)
    this.#socket.setTimeout(0)
    this.#socket.unshift(this.#pending!)
    // It may have been paused.
    this.#socket.resume()
    this.#around.serve(this.#socket)
  }
}
