import { expect } from 'vitest'
import type { RawOptions } from '../../../src/config/config.ts'
import { type Answer, TestCa } from '../ca-fixture.ts'
import { csrDer, type Identity, keyPem, newKey } from '../requests.ts'
import { certificatesOf } from './messages.ts'

export interface EstCall {
  /** "devices/simpleenroll", say. */
  readonly at?: string
  /** DER, sent in base64; text goes as it is. */
  readonly csr?: Buffer | string
  /** Name and password of HTTP Basic. */
  readonly user?: readonly [string, string]
  readonly identity?: Identity
  readonly headers?: Record<string, string>
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD'
}

/** A CA that listens, asked as EST clients ask it. */
export class EstCa {
  readonly ca: TestCa
  readonly port: number

  static async create(options: RawOptions): Promise<EstCa> {
    const ca = await TestCa.create({ options })
    return new EstCa(ca, await ca.listen())
  }

  private constructor(ca: TestCa, port: number) {
    this.ca = ca
    this.port = port
  }

  close(): Promise<void> {
    return this.ca.close()
  }

  ask({ at = 'simpleenroll', csr, user, identity, headers = {}, method = 'POST' }: EstCall): Promise<Answer> {
    const body = Buffer.isBuffer(csr) ? csr.toString('base64') : csr
    return this.ca.send(`/.well-known/est/${at}`, {
      as: null,
      method,
      ...(body === undefined ? {} : { body }),
      ...(identity ? { identity } : {}),
      headers: {
        ...(method === 'POST' ? { 'content-type': 'application/pkcs10' } : {}),
        ...(user ? { authorization: basic(...user) } : {}),
        ...headers,
      },
    })
  }

  /** What a client is given. It must be given something. */
  async enrolled(call: EstCall) {
    const answer = await this.ask(call)
    expect(answer.status, answer.text).toBe(200)
    return certificatesOf(answer.body)[0]!
  }

  /** The status and the words of a refusal: text for people, and no certificate on record. */
  async refused(call: EstCall): Promise<Answer> {
    const before = await this.ca.inventory()
    const answer = await this.ask(call)
    expect(answer.status, answer.text).toBeGreaterThanOrEqual(400)
    const detail = answer.headers['chancery-detail']
    // Whoever has said nothing of themselves is asked to, without a word more.
    if (answer.status === 401 && !call.user && !call.identity && !call.headers?.authorization)
      expect([answer.text, detail]).toEqual(['', undefined])
    // Whoever has sent a certificate alone is asked for a password, and told beside it why.
    else if (detail !== undefined) {
      expect([answer.status, answer.text]).toEqual([401, ''])
      expect(detail).toMatch(/^\S.*\.$/)
    } else {
      expect(answer.headers['content-type']).toBe('text/plain; charset=utf-8')
      expect(answer.text).toMatch(/^\S.*\.\n$/)
    }
    expect(await this.ca.inventory()).toEqual(before)
    return answer
  }

  /** Name and password of a new user. */
  async user(wish: Record<string, unknown> = {}): Promise<[string, string]> {
    const name = `user-${++this.#users}`
    const made = await this.ca.call('/v1/est/users', { body: { name, ...wish } })
    expect(made.status, made.text).toBe(201)
    return [name, made.json.password]
  }
  #users = 0

  /** The holder of a certificate that an admin gave. */
  async holder(
    names: readonly string[],
    { profile = 'server', commonName }: { profile?: string; commonName?: string } = {},
  ): Promise<{ readonly identity: Identity; readonly serialNumber: string }> {
    const key = newKey()
    const csr = csrDer(names, { key, ...(commonName === undefined ? {} : { commonName }) })
    const issued = await this.ca.call(`/v1/certificates?profile=${profile}`, {
      headers: { 'content-type': 'application/pkcs10' },
      body: csr,
    })
    expect(issued.status, issued.text).toBe(201)
    const { serialNumber, certificate, chain } = issued.json
    return { serialNumber, identity: { key: keyPem(key), certificate: certificate + chain.join('') } }
  }
}

export function basic(name: string, password: string): string {
  return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`
}
