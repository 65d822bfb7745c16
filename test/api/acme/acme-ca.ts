import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'vitest'
import type { AcmeErrorType } from '../../../src/acme/problem.ts'
import type { RawOptions } from '../../../src/config/config.ts'
import { TestCa } from '../ca-fixture.ts'
import { AcmeClient, type Challenge, type Identifier, type Reply } from './client.ts'
import type { AccountKey } from './jws.ts'

/** A CA that speaks ACME, and the web server at which http-01 finds its answers; "localhost" and 127.0.0.1 are its names. */
export class AcmeCa {
  readonly ca: TestCa
  /** By token. */
  readonly answers = new Map<string, string>()
  /** How often each token was asked for. */
  readonly asked = new Map<string, number>()
  readonly #web: Server

  static async create(acme: RawOptions = {}, options: RawOptions = {}): Promise<AcmeCa> {
    const answers = new Map<string, string>()
    const asked = new Map<string, number>()
    const web = createServer((request, response) => {
      const token = request.url!.split('/').at(-1)!
      asked.set(token, (asked.get(token) ?? 0) + 1)
      const answer = answers.get(token)
      response.writeHead(answer === undefined ? 404 : 200).end(answer)
    })
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const { port } = web.address() as AddressInfo
    const { validation = {}, ...rest } = acme
    const ca = await TestCa.create({
      options: { ...options, acme: { ...rest, validation: { httpPort: port, ...(validation as object) } } },
    })
    return new AcmeCa(ca, web, answers, asked)
  }

  private constructor(ca: TestCa, web: Server, answers: Map<string, string>, asked: Map<string, number>) {
    this.ca = ca
    this.#web = web
    this.answers = answers
    this.asked = asked
  }

  /** One that has no account yet. */
  stranger(key?: AccountKey): AcmeClient {
    return new AcmeClient((path, message) => this.ca.call(path, message), key ? { key } : {})
  }

  async client(fields: object = { termsOfServiceAgreed: true }): Promise<AcmeClient> {
    const client = this.stranger()
    const reply = await client.newAccount(fields)
    if (reply.status !== 201) throw new Error(reply.text)
    return client
  }

  readonly solve = ({ token }: Challenge, _identifier: Identifier, keyAuthorization: string): void => {
    this.answers.set(token!, keyAuthorization)
  }

  /** All that is in the database and on the audit log: what a refusal must leave as it was. */
  async recorded(): Promise<string> {
    const { read } = this.ca.service.store
    const page = { limit: 1000 }
    const orders = (await read.listAcmeOrders(null, page)).rows
    const ids = [...new Set(orders.flatMap(({ authorizations }) => authorizations))]
    return JSON.stringify([
      (await read.listAcmeAccounts(null, page)).rows,
      orders,
      await Promise.all(ids.map((id) => read.acmeAuthorization(id))),
      await this.ca.inventory(),
      (await read.listAudit({}, page)).rows,
    ])
  }

  /** What it does must be refused in exactly these words of ACME, and change nothing. */
  async refuses(
    run: () => Promise<Reply>,
    status: number,
    type: AcmeErrorType,
    detail?: RegExp,
  ): Promise<Reply> {
    const before = await this.recorded()
    const reply = await run()
    expectRefusal(reply, status, type, detail)
    expect(await this.recorded()).toBe(before)
    return reply
  }

  async close(): Promise<void> {
    try {
      await this.ca.close()
    } finally {
      this.#web.closeAllConnections()
      await new Promise((resolve) => this.#web.close(resolve))
    }
  }
}

/** A problem as RFC 8555 6.7 has it, with a nonce for the next attempt (6.5). */
export function expectRefusal(reply: Reply, status: number, type: AcmeErrorType, detail?: RegExp): void {
  expect({ status: reply.status, type: errorType(reply.json) }, reply.text).toEqual({ status, type })
  expect(reply.headers['content-type']).toBe('application/problem+json')
  expect(reply.headers['replay-nonce']).toMatch(/^[\w-]{20,}$/)
  expect(reply.headers['cache-control']).toBe('no-store')
  expect(reply.json).toMatchObject({ status, detail: expect.stringMatching(/^\S.*[^\s.]\S*$/s) })
  if (detail) expect(reply.json.detail).toMatch(detail)
}

/** The type of an ACME problem, without its prefix. */
export function errorType(json: { type?: string }): string | undefined {
  return json?.type?.replace('urn:ietf:params:acme:error:', '')
}
