import { setTimeout as pause } from 'node:timers/promises'
import {
  type AccountKey,
  base64url,
  type Jws,
  macJws,
  newAccountKey,
  type Payload,
  sha256,
  signJws,
} from './jws.ts'

/** One HTTP request. `as: null` tells TestCa to leave the admin key out. */
export interface Message {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly headers: Record<string, string>
  readonly body?: string | Buffer
  readonly as: null
}

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly json: any
}

/** `(path, message) => ca.call(path, message)`, or `ca.send`, or a connection of one's own. */
export type Send = (path: string, message: Message) => Promise<Reply>

/** How a request differs from a good one. */
export interface Flaws {
  /** Over the members of the protected header; undefined leaves one out. */
  readonly header?: Readonly<Record<string, unknown>>
  /** Which of the two the header has, where it is not the usual one. */
  readonly identify?: 'jwk' | 'kid'
  /** Signs, and stands in `jwk`, instead of the account's. */
  readonly key?: AccountKey
  /** The last change before the JWS is sent: what it gives is sent as JSON, text as it is. */
  readonly edit?: (jws: Jws) => unknown
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Identifier {
  readonly type: string
  readonly value: string
}

export interface Challenge {
  readonly type: string
  readonly url: string
  readonly status: string
  readonly token?: string
}

/** Puts the answer to a challenge in its place before the server is told that it is there. */
export type Solve = (
  challenge: Challenge,
  identifier: Identifier,
  keyAuthorization: string,
) => Promise<void> | void

/** Milliseconds between two looks at what the server is working on. */
const POLL = 20

/**
 * A client that does what it is told, right or wrong: it judges no answer and repeats nothing. A nonce comes from the
 * last answer that brought one, or from newNonce.
 */
export class AcmeClient {
  readonly key: AccountKey
  /** The account's URL, from newAccount on. */
  kid: string | undefined
  readonly #send: Send
  readonly #path: string
  readonly #nonces: string[] = []
  #directory: Promise<Record<string, string>> | undefined

  constructor(send: Send, { key = newAccountKey(), directory = '/acme/directory' } = {}) {
    this.#send = send
    this.key = key
    this.#path = directory
  }

  /** URLs by name, and `meta`. */
  // biome-ignore lint/suspicious/noExplicitAny: as in Reply
  directory(): Promise<any> {
    this.#directory ??= this.#send(this.#path, { method: 'GET', headers: {}, as: null }).then(
      ({ json }) => json,
    )
    return this.#directory
  }

  /** One that no request has used yet. */
  async nonce(): Promise<string> {
    const kept = this.#nonces.pop()
    if (kept !== undefined) return kept
    const { newNonce } = await this.directory()
    const reply = await this.#send(pathOf(newNonce), { method: 'HEAD', headers: {}, as: null })
    return String(reply.headers['replay-nonce'])
  }

  /** Those that it keeps have expired, or the server knows them no more. */
  forgetNonces(): void {
    this.#nonces.length = 0
  }

  /** By account once there is one, else by key. */
  async post(url: string, payload: Payload, flaws: Flaws = {}): Promise<Reply> {
    const jws = await this.sign(url, payload, flaws)
    const sent = flaws.edit ? flaws.edit(jws) : jws
    const reply = await this.#send(pathOf(url), {
      method: 'POST',
      headers: { 'content-type': flaws.contentType ?? 'application/jose+json', ...flaws.headers },
      body: typeof sent === 'string' ? sent : JSON.stringify(sent),
      as: null,
    })
    const nonce = reply.headers['replay-nonce']
    if (typeof nonce === 'string') this.#nonces.push(nonce)
    return reply
  }

  async sign(url: string, payload: Payload, { header = {}, identify, key }: Flaws = {}): Promise<Jws> {
    const signer = key ?? this.key
    const by = identify ?? (this.kid === undefined ? 'jwk' : 'kid')
    // Not asked for where the test brings its own, even if that is none.
    const nonce = 'nonce' in header ? undefined : await this.nonce()
    const whole = {
      alg: signer.alg,
      ...(by === 'jwk' ? { jwk: signer.jwk } : { kid: this.kid }),
      nonce,
      url,
      ...header,
    }
    return signJws(signer, whole, payload)
  }

  postAsGet(url: string, flaws: Flaws = {}): Promise<Reply> {
    return this.post(url, undefined, flaws)
  }

  /** Remembers the account's URL if there is one in the answer. */
  async newAccount(fields: object = { termsOfServiceAgreed: true }, flaws: Flaws = {}): Promise<Reply> {
    const { newAccount } = await this.directory()
    const reply = await this.post(newAccount, fields, { identify: 'jwk', ...flaws })
    if (reply.status < 300) this.kid = String(reply.headers.location)
    return reply
  }

  /** What newAccount's `externalAccountBinding` is. `secret` is the key that the admin gave out. */
  async externalAccountBinding(
    kid: string,
    secret: Buffer,
    header: Readonly<Record<string, unknown>> = {},
  ): Promise<Jws> {
    const { newAccount } = await this.directory()
    return macJws(secret, { alg: 'HS256', kid, url: newAccount, ...header }, this.key.jwk)
  }

  async newOrder(names: readonly (string | Identifier)[], fields: object = {}, flaws: Flaws = {}) {
    const { newOrder } = await this.directory()
    return this.post(newOrder, { identifiers: names.map(identifier), ...fields }, flaws)
  }

  authorization(url: string): Promise<Reply> {
    return this.postAsGet(url)
  }

  /** RFC 8555 8.1. */
  keyAuthorization(token: string): string {
    return `${token}.${this.key.thumbprint}`
  }

  answer(challenge: Pick<Challenge, 'url'>, flaws: Flaws = {}): Promise<Reply> {
    return this.post(challenge.url, {}, flaws)
  }

  finalize(url: string, csr: Buffer, flaws: Flaws = {}): Promise<Reply> {
    return this.post(url, { csr: base64url(csr) }, flaws)
  }

  /** PEM chain in `text`. */
  download(url: string, flaws: Flaws = {}): Promise<Reply> {
    return this.postAsGet(url, flaws)
  }

  /** By account; by the certificate's key with `{ identify: 'jwk', key }`. */
  async revoke(certificate: Buffer, fields: object = {}, flaws: Flaws = {}): Promise<Reply> {
    const { revokeCert } = await this.directory()
    return this.post(revokeCert, { certificate: base64url(certificate), ...fields }, flaws)
  }

  /**
   * Rolls the account over to `next` (RFC 8555 7.3.5); whoever goes on with it makes a client with the new key.
   * `inner` is what differs in the inner JWS: its header, its payload, its signer.
   */
  async keyChange(
    next: AccountKey,
    inner: { readonly header?: object; readonly payload?: Payload; readonly key?: AccountKey } = {},
    flaws: Flaws = {},
  ): Promise<Reply> {
    const { keyChange } = await this.directory()
    const header = { alg: next.alg, jwk: next.jwk, url: keyChange, ...inner.header }
    const payload = inner.payload ?? { account: this.kid, oldKey: this.key.jwk }
    return this.post(keyChange, signJws(inner.key ?? next, header, payload), flaws)
  }

  /** Looks at an order or authorization until the server is done with it: until it is neither pending nor processing. */
  async settled(url: string, pauses = POLL): Promise<Reply> {
    for (;;) {
      const reply = await this.postAsGet(url)
      if (!['pending', 'processing'].includes(reply.json?.status)) return reply
      await pause(pauses)
    }
  }

  /** From the answer of newOrder to one whose authorizations are settled. Those that are valid already are passed over. */
  async authorize(order: Reply, solve: Solve, type = 'http-01'): Promise<void> {
    for (const url of order.json.authorizations) {
      const { json } = await this.authorization(url)
      if (json.status !== 'pending') continue
      const challenge = json.challenges.find((one: Challenge) => one.type === type)
      await solve(challenge, json.identifier, this.keyAuthorization(challenge.token))
      await this.answer(challenge)
      await this.settled(url)
    }
  }

  /** The whole way; the last answer is that of the certificate, or of the step that did not succeed. */
  async obtain(
    names: readonly (string | Identifier)[],
    csr: Buffer,
    solve: Solve,
    { type = 'http-01', fields = {} } = {},
  ): Promise<Reply> {
    const order = await this.newOrder(names, fields)
    if (order.status !== 201) return order
    await this.authorize(order, solve, type)
    const finalized = await this.finalize(order.json.finalize, csr)
    if (finalized.status !== 200) return finalized
    const done = await this.settled(String(order.headers.location))
    return done.json?.certificate ? this.download(done.json.certificate) : done
  }
}

/** The TXT record of dns-01 (RFC 8555 8.4). */
export function dnsRecord(keyAuthorization: string): string {
  return sha256(keyAuthorization)
}

function identifier(name: string | Identifier): Identifier {
  if (typeof name !== 'string') return name
  return { type: 'dns', value: name }
}

function pathOf(url: string): string {
  const { pathname, search } = new URL(url)
  return pathname + search
}
