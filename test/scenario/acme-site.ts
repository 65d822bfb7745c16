import { writeFileSync } from 'node:fs'
import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type DnsServer, startDnsServer, type Zone } from '../acme/validation/dns-server.ts'
import type { Challenge, Identifier, Send } from '../api/acme/client.ts'
import type { Rest } from './rest.ts'
import { workFolder } from './tools.ts'

/** The names below example.test, all at one web server on loopback, and a data directory whose service looks for them there. */
export class AcmeSite {
  readonly directory = workFolder()
  /** Key authorizations by token. */
  readonly #answers = new Map<string, string>()
  readonly #held: (() => void)[] = []
  readonly #web: Server
  readonly #dns: DnsServer
  #holding = false

  static async create(names: readonly string[]): Promise<AcmeSite> {
    const zone: Zone = Object.fromEntries(names.map((name) => [name, { A: ['127.0.0.1'] }]))
    const web = createServer()
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    return new AcmeSite(web, await startDnsServer(zone))
  }

  private constructor(web: Server, dns: DnsServer) {
    this.#web = web
    this.#dns = dns
    web.on('request', ({ url = '' }, response) => {
      if (this.#holding) this.#held.push(() => this.#answer(url, response))
      else this.#answer(url, response)
    })
    const { port } = web.address() as AddressInfo
    // The port of the listener is another after each start; accounts are known by their URL.
    const acme = {
      url: 'https://acme.example.test',
      validation: { httpPort: port, resolvers: [dns.address] },
    }
    writeFileSync(join(this.directory, 'chancery.yaml'), JSON.stringify({ acme }))
  }

  readonly solve = ({ token }: Challenge, _identifier: Identifier, keyAuthorization: string): void => {
    this.#answers.set(token!, keyAuthorization)
  }

  /** From now on whoever asks waits. */
  hold(): void {
    this.#holding = true
  }

  /** How many wait. */
  get held(): number {
    return this.#held.length
  }

  release(): void {
    this.#holding = false
    for (const answer of this.#held.splice(0)) answer()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#web.closeAllConnections()
    await Promise.all([this.#dns.close(), new Promise((resolve) => this.#web.close(resolve))])
  }

  #answer(url: string, response: ServerResponse): void {
    const answer = this.#answers.get(url.split('/').at(-1)!)
    response.writeHead(answer === undefined ? 404 : 200).end(answer)
  }
}

/** How an ACME client reaches a service: over TLS, with as many connections as it has requests under way. */
export function sendOver(rest: Rest): Send {
  return async (path, { method, headers, body }) => {
    const reply = await rest.call(method, path, { bearer: null, headers, ...(body ? { body } : {}) })
    const text = reply.body.toString()
    const isJson = /json/.test(reply.headers['content-type'] ?? '')
    return {
      status: reply.status,
      headers: reply.headers,
      text,
      json: isJson ? JSON.parse(text) : undefined,
    }
  }
}
