import type { IncomingHttpHeaders } from 'node:http'
import { Agent, type RequestOptions, request } from 'node:https'
import { buffer } from 'node:stream/consumers'
import type { ConnectionOptions } from 'node:tls'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

export interface Call {
  /** An admin key or a token; the admin key if absent, nothing if null. */
  readonly bearer?: string | null
  /** An object is sent as JSON. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** PEM: a client certificate with its chain, and its key. */
  readonly identity?: { readonly cert: string; readonly key: string }
}

/** A small REST client over `node:https`, with keep-alive connections of its own, sharing no code with the command line's. */
export class Rest {
  readonly #url: string
  readonly #root: string
  readonly #adminKey: string
  readonly #agent: Agent

  constructor(url: string, root: string, adminKey: string, tls: ConnectionOptions = {}) {
    this.#agent = new Agent({ keepAlive: true, ...tls })
    this.#url = url
    this.#root = root
    this.#adminKey = adminKey
  }

  /** One request and its whole answer, whatever its status. Rejects where the connection fails. */
  call(method: string, path: string, call: Call = {}): Promise<Reply> {
    const body = encode(call.body)
    const options: RequestOptions = {
      method,
      agent: this.#agent,
      ca: this.#root,
      host: '127.0.0.1',
      servername: 'localhost',
      headers: { ...headersOf(call, this.#adminKey), 'content-length': Buffer.byteLength(body) },
      ...call.identity,
    }
    return new Promise((resolve, reject) => {
      const sent = request(new URL(path, this.#url), options, (response) => {
        buffer(response).then(
          (bytes) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: bytes }),
          reject,
        )
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  /** The JSON of an answer, whose status must be 200 or 201. */
  async json<T>(method: string, path: string, call: Call = {}): Promise<T> {
    const { status, body } = await this.call(method, path, call)
    if (status !== 200 && status !== 201) throw new Error(`${method} ${path}: ${status} ${body.toString()}`)
    return JSON.parse(body.toString()) as T
  }

  /** Every row of a list, page after page. */
  async all<Key extends string, Row>(path: string, key: Key): Promise<Row[]> {
    const rows: Row[] = []
    let after: string | null = ''
    while (after !== null) {
      const query: string = `limit=1000${after ? `&after=${encodeURIComponent(after)}` : ''}`
      const page: Record<Key, Row[]> & { next: string | null } = await this.json('GET', `${path}?${query}`)
      rows.push(...page[key])
      after = page.next
    }
    return rows
  }

  close(): void {
    this.#agent.destroy()
  }
}

function encode(body: unknown): string | Buffer {
  if (body === undefined) return ''
  return typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
}

function headersOf({ bearer, body, headers }: Call, adminKey: string): Record<string, string> {
  return {
    ...(bearer === null ? {} : { authorization: `Bearer ${bearer ?? adminKey}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...headers,
  }
}
