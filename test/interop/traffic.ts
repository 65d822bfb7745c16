import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { type Handshake, type Visit, visit } from './handshake.ts'

/**
 * Clients that never rest: some make a new connection for each request, one keeps its connection. Whatever is not answered is a
 * failure.
 */
export class Traffic {
  readonly failures: string[] = []
  /** Every serial number that was shown, in the order of the first sight. */
  readonly serials = new Set<string>()
  /** New connections that were answered, and requests over the kept one. */
  connections = 0
  kept = 0
  /** How often the kept connection was closed between two answers, as a server may. */
  closed = 0
  /** Connections without a good staple. */
  bare = 0
  #last: Handshake | null = null
  #lastStaple: Buffer | null = null
  readonly #visit: Visit
  readonly #workers: Promise<void>[]
  #isOver = false

  constructor(target: Visit) {
    this.#visit = target
    this.#workers = [this.#comeAndGo(), this.#comeAndGo(), this.#keep()]
  }

  /** What the newest connection saw. */
  get last(): Handshake | null {
    return this.#last
  }

  /** DER, as the newest connection was given it. */
  get lastStaple(): Buffer | null {
    return this.#lastStaple
  }

  async end(): Promise<void> {
    this.#isOver = true
    await Promise.all(this.#workers)
  }

  async #comeAndGo(): Promise<void> {
    while (!this.#isOver) {
      const seen = await visit(this.#visit)
      this.#last = seen
      if (seen.stapleDer) this.#lastStaple = seen.stapleDer
      if (!seen.answered) this.failures.push(`a new connection: ${seen.error}`)
      else this.connections++
      if (seen.serialNumber) this.serials.add(seen.serialNumber)
      if (seen.staple !== 'good') this.bare++
    }
  }

  async #keep(): Promise<void> {
    while (!this.#isOver) {
      const socket = this.#connect()
      try {
        await once(socket, 'secureConnect')
        while (!this.#isOver && !socket.closed && !socket.destroyed) {
          // RFC 9110 9.2.2: a kept connection may end between two answers, and the request is made again.
          if (!(await this.#ask(socket))) break
          this.kept++
          await new Promise((resolve) => setTimeout(resolve, 5))
        }
        if (!this.#isOver) this.closed++
      } catch (error) {
        this.failures.push(`the kept connection: ${(error as Error).message}`)
      }
      socket.destroy()
    }
  }

  #connect(): TLSSocket {
    const { port, root, identity, servername = 'web.example.test' } = this.#visit
    return connect({
      host: '127.0.0.1',
      port,
      servername,
      ca: root,
      ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
    })
  }

  /** Whether there was an answer; throws for half of one. */
  #ask(socket: TLSSocket): Promise<boolean> {
    return new Promise((resolve, reject) => {
      let text = ''
      const done = (outcome: () => void) => {
        socket.off('data', onData).off('close', onClose).off('error', onClose)
        outcome()
      }
      const onData = (chunk: Buffer) => {
        text += chunk.toString('latin1')
        const [head, body] = text.split('\r\n\r\n')
        const length = Number(/content-length: (\d+)/i.exec(head!)?.[1])
        if (body === undefined || body.length < length) return
        done(() => (/^HTTP\/1\.1 200/.test(text) ? resolve(true) : reject(new Error(head!.split('\r\n')[0]))))
      }
      const onClose = () =>
        done(() => (text === '' ? resolve(false) : reject(new Error('it ended within an answer'))))
      socket.on('data', onData).on('close', onClose).on('error', onClose)
      socket.write('GET / HTTP/1.1\r\nhost: web.example.test\r\n\r\n')
    })
  }
}
