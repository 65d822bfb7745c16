import { connect } from 'node:net'
import { CaError } from '../errors.ts'

/** Milliseconds for one command and its answer. */
const PATIENCE = 10_000
/** Octets; an answer to what is asked here has a few hundred. */
const MAX_ANSWER = 1024 * 1024

/** HAProxy's run-time socket: a path, or "host:port". One connection for each command, as its own documentation has it. */
export class HaproxyRuntime {
  readonly #address: { path: string } | { host: string; port: number }
  readonly #name: string

  /** `CaError` "malformedRequest" for what is neither. */
  constructor(name: string) {
    this.#name = name
    const [, host, port] = /^([^/]+):(\d{1,5})$/.exec(name) ?? []
    // An IPv6 address stands in brackets here, and without them where it is connected to.
    if (host !== undefined && Number(port) <= 65_535)
      this.#address = { host: host.replace(/^\[(.+)\]$/, '$1'), port: Number(port) }
    else if (name.includes('/')) this.#address = { path: name }
    else {
      throw new CaError(
        'malformedRequest',
        `"${name}" is no run-time socket: give a path such as /run/haproxy/admin.sock, or host:port.`,
      )
    }
  }

  /**
   * What HAProxy answers, without the blank lines around it. A blank line ends a payload, so there must be none in it. Throws
   * `CaError` "notFound" where nobody listens, and "conflict" where HAProxy hangs up without an answer.
   */
  async command(line: string, payload?: string): Promise<string> {
    if (line.includes('\n')) throw new RangeError('a command is one line')
    if (payload !== undefined && /\n\s*\n/.test(payload)) throw new RangeError('a blank line ends a payload')
    const text = payload === undefined ? `${line}\n` : `${line} <<\n${payload.trimEnd()}\n\n`
    return (await this.#exchange(text)).trim()
  }

  #exchange(text: string): Promise<string> {
    return new Promise((resolve, reject) => {
      let answer = ''
      const socket = connect(this.#address)
      const fail = (code: 'notFound' | 'conflict', detail: string, cause?: unknown) => {
        socket.destroy()
        reject(new CaError(code, detail, { cause }))
      }
      socket.setEncoding('utf8')
      socket.setTimeout(PATIENCE, () =>
        fail('conflict', `HAProxy at ${this.#name} did not answer within ${PATIENCE / 1000} seconds.`),
      )
      socket.on('connect', () => socket.write(text))
      socket.on('data', (chunk: string) => {
        answer += chunk
        if (answer.length > MAX_ANSWER) fail('conflict', `HAProxy at ${this.#name} answers without an end.`)
      })
      socket.on('end', () => {
        socket.end()
        resolve(answer)
      })
      socket.on('error', (error: NodeJS.ErrnoException) => {
        // What was said before it hung up, in the middle of a payload that is too long, is the answer.
        if (answer !== '' || error.code === 'EPIPE' || error.code === 'ECONNRESET') resolve(answer)
        else
          fail(
            'notFound',
            `HAProxy cannot be reached at ${this.#name} (${error.code ?? error.message}).`,
            error,
          )
      })
    })
  }
}
