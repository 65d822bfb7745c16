import { once } from 'node:events'
import { type ConnectionOptions, connect, type SecureVersion, type TLSSocket } from 'node:tls'
import type { Identity } from '../requests.ts'

export interface RawAnswer {
  readonly status: number
  /** From the status line to the empty line, both included. */
  readonly head: string
  /** As they were sent. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Buffer
}

/** One TLS connection, and octets as they are on it. */
export class TlsClient {
  readonly socket: TLSSocket
  readonly #session: Promise<Buffer>
  #received = Buffer.alloc(0)

  static async connect(
    port: number,
    ca: string,
    version: SecureVersion,
    { identity, ...options }: { identity?: Identity; session?: Buffer } = {},
  ): Promise<TlsClient> {
    const client = new TlsClient({
      ...options,
      ...(identity ? { key: identity.key, cert: identity.certificate } : {}),
      ...{ host: '127.0.0.1', port, servername: 'localhost', ca, minVersion: version, maxVersion: version },
    })
    await once(client.socket, 'secureConnect')
    return client
  }

  private constructor(options: ConnectionOptions) {
    this.socket = connect(options)
    this.#session = new Promise((resolve) => this.socket.once('session', resolve))
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
    })
  }

  /** To be resumed. On TLS 1.3 it comes with the first answer. */
  get session(): Promise<Buffer> {
    return this.#session
  }

  /** As the client's end knows it: tls-unique (RFC 5929 3) or tls-exporter (RFC 9266 2). */
  get channelBinding(): string {
    const { socket } = this
    const octets =
      socket.getProtocol() === 'TLSv1.3'
        ? socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))
        : socket.isSessionReused()
          ? socket.getPeerFinished()
          : socket.getFinished()
    return octets!.toString('base64')
  }

  /** One request on this connection, which stays open, and its whole answer. */
  async request(
    method: string,
    path: string,
    { headers = {}, body = '' }: { headers?: Readonly<Record<string, string>>; body?: string } = {},
  ): Promise<RawAnswer> {
    const lines = [
      `${method} ${path} HTTP/1.1`,
      'Host: localhost',
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      ...(body ? [`Content-Length: ${Buffer.byteLength(body)}`] : []),
    ]
    this.socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`)
    return this.#answer()
  }

  /** By Content-Length alone, as libest and strongSwan read. */
  async #answer(): Promise<RawAnswer> {
    const end = await this.#until(() => {
      const at = this.#received.indexOf('\r\n\r\n')
      return at < 0 ? null : at + 4
    })
    const head = this.#received.subarray(0, end).toString('latin1')
    const [statusLine, ...lines] = head.trimEnd().split('\r\n')
    const headers = lines.map(
      (line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const,
    )
    const length = Number(headers.find(([name]) => name === 'Content-Length')?.[1] ?? 0)
    await this.#until(() => (this.#received.length < end + length ? null : length))
    const body = this.#received.subarray(end, end + length)
    this.#received = this.#received.subarray(end + length)
    return { status: Number(statusLine!.split(' ')[1]), head, headers, body }
  }

  async #until<T>(find: () => T | null): Promise<T> {
    for (;;) {
      const found = find()
      if (found !== null) return found
      if (this.socket.destroyed || this.socket.readableEnded) throw new Error('The connection ended.')
      const heard = new AbortController()
      const { signal } = heard
      // Whichever comes first takes the other's listeners away.
      await Promise.race([
        once(this.socket, 'data', { signal }),
        once(this.socket, 'close', { signal }),
      ]).finally(() => heard.abort())
    }
  }

  close(): void {
    this.socket.destroy()
  }
}
