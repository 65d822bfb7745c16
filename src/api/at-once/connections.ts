import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { answerClientError } from '../client-error.ts'
import { TurnBudget } from '../overload/turn-budget.ts'
import { logAnswer, logsRequests } from '../request-log.ts'
import { type PlainRequest, RequestHeads } from './request-heads.ts'
import type { AtOnceContext } from './requests.ts'

/** Until a client closes what the server was about to close; as Node has it. Milliseconds. */
const KEEP_ALIVE_BUFFER = 1000

/**
 * Answers the plainest OCSP requests that came before on the connection itself: a request and a response as objects cost twice
 * what reading and writing do. The first request of any other kind, or that nobody asked before, goes to the server with its
 * connection, which is the server's from then on. To be called before anybody else listens for connections. The function that
 * it returns ends the connections that rest here, each after its last answer, and lets no more come.
 */
export function answerOnConnections(server: Server, context: AtOnceContext): () => void {
  const [serve] = server.listeners('connection') as ((socket: Socket) => void)[]
  server.removeAllListeners('connection')
  const held = new Set<Held>()
  const shared = { heads: new RequestHeads(), budget: new TurnBudget(), server, serve: serve!, held }
  let isEnding = false
  server.on('connection', (socket: Socket) => {
    // There may have been one connection too many.
    if (socket.destroyed) return
    if (isEnding) serve!.call(server, socket)
    else held.add(new Held(socket, context, shared))
  })
  return () => {
    isEnding = true
    for (const one of held) one.end()
  }
}

interface Shared {
  readonly heads: RequestHeads
  readonly budget: TurnBudget
  readonly server: Server
  /** Node's own listener. */
  readonly serve: (socket: Socket) => void
  readonly held: Set<Held>
}

/** A connection that has asked for nothing else yet. */
class Held {
  readonly #socket: Socket
  readonly #context: AtOnceContext
  readonly #shared: Shared
  readonly #isLogged: boolean
  #hasAnswered = false

  constructor(socket: Socket, context: AtOnceContext, shared: Shared) {
    this.#socket = socket
    this.#context = context
    this.#shared = shared
    this.#isLogged = logsRequests(context.log)
    socket.setTimeout(shared.server.requestTimeout)
    for (const [event, listener] of this.#listeners) socket.on(event, listener)
  }

  /** What was written goes out first. */
  end(): void {
    this.#socket.destroySoon()
  }

  readonly #onData = (chunk: Buffer) => {
    if (this.#shared.budget.take()) return this.#take(chunk)
    this.#socket.pause()
    this.#shared.budget.later(() => {
      if (this.#socket.destroyed) return
      this.#socket.resume()
      this.#take(chunk)
    })
  }

  readonly #onDrain = () => this.#socket.resume()

  readonly #onEnd = () => this.#socket.end()

  readonly #onTimeout = () => {
    if (this.#hasAnswered) this.#socket.destroy()
    else answerClientError(Object.assign(new Error(), { code: 'ERR_HTTP_REQUEST_TIMEOUT' }), this.#socket)
  }

  /** The connection is closed by it; there is nobody to tell. */
  readonly #onError = () => {}

  readonly #onClose = () => this.#shared.held.delete(this)

  // biome-ignore lint/suspicious/noExplicitAny: each event has its own
  readonly #listeners: readonly (readonly [string, (...given: any[]) => void])[] = [
    ['data', this.#onData],
    ['drain', this.#onDrain],
    ['end', this.#onEnd],
    ['timeout', this.#onTimeout],
    ['error', this.#onError],
    ['close', this.#onClose],
  ]

  #take(chunk: Buffer): void {
    const { answers, prepared, isOpen, rests } = this.#context
    const text = chunk.toString('latin1')
    let at = 0
    let messages = ''
    while (at < text.length) {
      const start = this.#isLogged ? process.hrtime.bigint() : 0n
      const request = isOpen() ? this.#shared.heads.read(text, at) : null
      const signed = request && answers.known(request.asked)
      if (!signed) break
      messages += prepared.of(signed).message
      at = request.end
      if (start > 0n) this.#log(request, start)
    }
    if (messages !== '') {
      this.#answered()
      // Who does not read is not read from.
      if (!this.#socket.write(messages, 'latin1')) this.#socket.pause()
      rests(this.#socket)
    }
    if (at < text.length) this.#handOver(chunk.subarray(at))
  }

  #answered(): void {
    if (this.#hasAnswered) return
    this.#hasAnswered = true
    this.#socket.setTimeout(this.#shared.server.keepAliveTimeout + KEEP_ALIVE_BUFFER)
  }

  #log({ method, url }: PlainRequest, start: bigint): void {
    const { log, newRequestId } = this.#context
    logAnswer(log, newRequestId(), { method, url, status: 200, socket: this.#socket }, start)
  }

  #handOver(rest: Buffer): void {
    const { held, server, serve } = this.#shared
    for (const [event, listener] of this.#listeners) this.#socket.removeListener(event, listener)
    held.delete(this)
    this.#socket.setTimeout(0)
    this.#socket.unshift(rest)
    // It may have been paused.
    this.#socket.resume()
    serve.call(server, this.#socket)
  }
}
