import type { Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type AccountKey, newAccountKey, type Payload, signJws } from '../test/api/acme/jws.ts'
import { type Answer, encodeRequest, exchanger, open, type Target } from './load.ts'

export interface AcmeServer extends Target {
  /** The path of the directory. */
  readonly directory: string
}

/** Milliseconds before what is not done yet is looked at again. */
const PROCESSING = 2

/** Answers that RFC 8555 has, as far as the driver reads them. */
interface Resource {
  readonly status: string
  readonly authorizations: readonly string[]
  readonly finalize: string
  readonly certificate?: string
  readonly challenges: readonly { type: string; url: string; token: string }[]
}

/** One account, on one connection at a time: it does what a client must, and spares the processor. */
export class BenchClient {
  readonly #server: AcmeServer
  #socket: Socket | undefined
  #exchange: (bytes: Buffer) => Promise<Answer> = () => Promise.reject(new Error('not connected'))
  readonly #host: string
  readonly #key: AccountKey
  /** Key authorizations by token, as the web server of every name gives them out. */
  readonly #answers: Map<string, string>
  #urls: Record<string, string> = {}
  #kid: string | undefined
  #nonce = ''

  static async create(server: AcmeServer, answers: Map<string, string>, name: string): Promise<BenchClient> {
    const client = new BenchClient(server, answers)
    await client.open()
    client.#urls = JSON.parse((await client.#get(server.directory)).body.toString())
    await client.#get(pathOf(client.#urls.newNonce!), 'HEAD')
    const { head } = await client.#post(client.#urls.newAccount!, { termsOfServiceAgreed: true }, 201)
    client.#kid = field(head, 'location')
    await client.#prove((await client.#order(name)).authorizations[0]!)
    client.close()
    return client
  }

  private constructor(server: AcmeServer, answers: Map<string, string>) {
    this.#server = server
    this.#answers = answers
    this.#host = `localhost:${server.port}`
    this.#key = newAccountKey('ES256')
  }

  /** A connection that waits for long is closed by the server. */
  async open(): Promise<void> {
    this.#socket = await open(this.#server)
    this.#exchange = exchanger(this.#socket)
  }

  close(): void {
    this.#socket?.destroy()
  }

  /**
   * New order, its authorization looked at and proven if it must be, finalize, download: the whole way to a certificate.
   * `csr` in base64url.
   */
  async obtain(name: string, csr: string): Promise<void> {
    const order = await this.#order(name)
    await this.#prove(order.authorizations[0]!)
    let { url, status: state, certificate } = await this.#finalize(order, csr)
    while (state === 'processing') {
      await pause(PROCESSING)
      ;({ status: state, certificate } = await this.#read(url))
    }
    const { body } = await this.#post(certificate!, undefined, 200)
    if (!body.subarray(0, 27).equals(PEM)) throw new Error(`no certificate: ${body}`)
  }

  async #finalize(order: Resource & { url: string }, csr: string) {
    const { body } = await this.#post(order.finalize, { csr }, 200)
    return { ...(JSON.parse(body.toString()) as Resource), url: order.url }
  }

  async #order(name: string): Promise<Resource & { url: string }> {
    const identifiers = [{ type: 'dns', value: name }]
    const { head, body } = await this.#post(this.#urls.newOrder!, { identifiers }, 201)
    return { ...JSON.parse(body.toString()), url: field(head, 'location') }
  }

  /** By http-01, where the name is not proven already. */
  async #prove(authorization: string): Promise<void> {
    const { status, challenges } = await this.#read(authorization)
    if (status === 'valid') return
    const { url, token } = challenges.find(({ type }) => type === 'http-01')!
    this.#answers.set(token, `${token}.${this.#key.thumbprint}`)
    await this.#post(url, {}, 200)
    for (let now = status; now !== 'valid'; { status: now } = await this.#read(authorization)) {
      if (now !== 'pending') throw new Error(`the authorization is ${now}`)
      await pause(PROCESSING)
    }
    this.#answers.delete(token)
  }

  async #read(url: string): Promise<Resource> {
    return JSON.parse((await this.#post(url, undefined, 200)).body.toString())
  }

  async #post(url: string, payload: Payload, status: number): Promise<Answer> {
    const header = {
      alg: 'ES256',
      ...(this.#kid === undefined ? { jwk: this.#key.jwk } : { kid: this.#kid }),
      nonce: this.#nonce,
      url,
    }
    const body = Buffer.from(JSON.stringify(signJws(this.#key, header, payload)))
    const headers = { 'content-type': 'application/jose+json' }
    const answer = await this.#exchange(encodeRequest({ path: pathOf(url), headers, body }, this.#host))
    this.#nonce = field(answer.head, 'replay-nonce')
    if (answer.status !== status) throw new Error(`${url}: ${answer.status} ${answer.body}`)
    return answer
  }

  async #get(path: string, method = 'GET'): Promise<Answer> {
    const answer = await this.#exchange(
      Buffer.from(`${method} ${path} HTTP/1.1\r\nhost: ${this.#host}\r\n\r\n`),
    )
    if (method === 'HEAD') this.#nonce = field(answer.head, 'replay-nonce')
    return answer
  }
}

const PEM = Buffer.from('-----BEGIN CERTIFICATE-----')

function field(head: string, name: string): string {
  const [, value] = new RegExp(`\r\n${name}: ([^\r]*)`, 'i').exec(head) ?? []
  if (value === undefined) throw new Error(`no ${name} in the answer: ${head}`)
  return value
}

/** The servers' addresses have one form: "https://localhost:8443/path". */
function pathOf(url: string): string {
  return url.slice(url.indexOf('/', 'https://'.length))
}
