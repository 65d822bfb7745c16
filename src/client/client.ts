import { Agent } from 'node:https'
import { checkServerIdentity, type PeerCertificate } from 'node:tls'
import { type Problem, ServiceError } from './service-error.ts'
import { type Answer, type Exchange, exchange, open } from './transport.ts'

/** Where the service is, and what proves that it is the one. */
export interface ServiceAddress {
  /** Such as https://localhost:8443. The host is the name that the certificate must have. */
  readonly url: URL
  /** The address to connect to, where it is not the URL's host. */
  readonly connectTo?: string | undefined
  /** Names and addresses of which the certificate may have one in the place of the URL's host. */
  readonly otherNames?: readonly string[] | undefined
  /** PEM certificates; the service's chain must end at one of them. */
  readonly roots: string
}

export interface Caller {
  /** An admin key or an enrolment token. */
  readonly bearer?: string | undefined
  /** PEM: the certificate chain and key with which the caller proves itself in the handshake. */
  readonly identity?: { readonly certificate: string; readonly key: string } | undefined
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

export interface ClientRequest {
  readonly query?: Query
  /** Sent as JSON, unless it is text or bytes with a `contentType`. */
  readonly body?: unknown
  readonly contentType?: string
  readonly accept?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Talks to the REST API of one service. Every refusal is thrown as a `ServiceError` with its problem document. */
export class Client {
  readonly #address: ServiceAddress
  readonly #caller: Caller
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })

  constructor(address: ServiceAddress, caller: Caller) {
    this.#address = address
    this.#caller = caller
  }

  /** The JSON that the service answers with. */
  async json<T>(method: string, path: string, request: ClientRequest = {}): Promise<T> {
    const { body } = await this.send(method, path, { accept: 'application/json', ...request })
    if (body.length === 0) return {} as T
    try {
      return JSON.parse(body.toString('utf8')) as T
    } catch (error) {
      const { origin } = this.#address.url
      throw new ServiceError('refused', `${origin} answered with something other than JSON.`, {
        status: 200,
        cause: error,
      })
    }
  }

  async send(method: string, path: string, request: ClientRequest = {}): Promise<Answer> {
    const answer = await exchange(this.#exchange(method, path, request))
    if (answer.status >= 400) throw refusal(answer, this.#address.url)
    return answer
  }

  /** The body of an answer of any length, piece by piece. */
  async *stream(path: string, request: ClientRequest = {}): AsyncGenerator<Buffer> {
    const answer = await open(this.#exchange('GET', path, request))
    if ('body' in answer) throw refusal(answer, this.#address.url)
    yield* answer
  }

  #exchange(method: string, path: string, request: ClientRequest): Exchange {
    const { url, connectTo, otherNames = [], roots } = this.#address
    const { bearer, identity } = this.#caller
    const { body, contentType = 'application/json' } = request
    return {
      url: withQuery(new URL(path, url), request.query ?? {}),
      method,
      headers: {
        ...request.headers,
        ...(request.accept ? { accept: request.accept } : {}),
        ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
        ...(body === undefined ? {} : { 'content-type': contentType }),
      },
      body: isReady(body) ? body : JSON.stringify(body),
      connection: {
        agent: this.#agent,
        ca: roots,
        ...(connectTo ? { host: connectTo, servername: url.hostname } : {}),
        ...(otherNames.length > 0 ? { checkServerIdentity: anyNameOf(otherNames) } : {}),
        ...(identity ? { cert: identity.certificate, key: identity.key } : {}),
      },
    }
  }

  close(): void {
    this.#agent.destroy()
  }
}

function anyNameOf(names: readonly string[]): typeof checkServerIdentity {
  return (host: string, certificate: PeerCertificate) => {
    const wrong = checkServerIdentity(host, certificate)
    return names.some((name) => !checkServerIdentity(name, certificate)) ? undefined : wrong
  }
}

function isReady(body: unknown): body is string | Uint8Array | undefined {
  return body === undefined || typeof body === 'string' || body instanceof Uint8Array
}

function withQuery(url: URL, query: Query): URL {
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined) url.searchParams.set(name, String(value))
  }
  return url
}

function refusal(answer: Answer, url: URL): ServiceError {
  const problem = problemFrom(answer)
  const { status, retryAfter } = answer
  const detail = problem?.detail ?? problem?.title ?? `${url.origin} answered with HTTP status ${status}.`
  return new ServiceError('refused', detail, {
    status,
    ...(problem ? { problem } : {}),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  })
}

function problemFrom({ contentType, body }: Answer): Problem | undefined {
  if (!contentType.endsWith('json')) return undefined
  try {
    return JSON.parse(body.toString('utf8')) as Problem
  } catch {
    // A proxy in between may label anything as JSON; the status alone still says enough.
    return undefined
  }
}
