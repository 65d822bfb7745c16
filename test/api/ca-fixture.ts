import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Server as TlsServer } from 'node:tls'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { pino } from 'pino'
import { expect } from 'vitest'
import { buildHttpApp, buildTlsApp } from '../../src/app.ts'
import { publicUrls } from '../../src/ca/certificate-template.ts'
import { defaultHierarchy } from '../../src/ca/hierarchy/defaults.ts'
import { type Initialisation, initialise } from '../../src/ca/hierarchy/initialise.ts'
import { serviceIdentity } from '../../src/ca/service-identity.ts'
import { epochSeconds, systemClock } from '../../src/clock.ts'
import type { RawOptions } from '../../src/config/config.ts'
import { loadConfig } from '../../src/config/load.ts'
import type { ErrorCode } from '../../src/errors.ts'
import { encodePem } from '../../src/pki/pem.ts'
import { openService, type Service } from '../../src/service.ts'
import type { CertificateRow } from '../../src/store/queries.ts'
import { checkInvariants } from './invariants.ts'
import type { Identity } from './requests.ts'

export const PUBLIC_URL = 'http://ca.example.test'
export const PASSPHRASE = 'the passphrase of the intermediate'
export const ROOT_PASSPHRASE = 'the passphrase of the root'
export const DAY = 86_400

export interface TestCaOptions {
  /** As `chancery.yaml` has them. */
  readonly options?: RawOptions
  readonly intermediate?: Partial<Initialisation['intermediate']>
}

export interface Call {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH' | 'HEAD' | 'OPTIONS'
  /** Bearer secret; absent: the admin key; null: none. */
  readonly as?: string | null
  readonly headers?: Record<string, string>
  /** A Buffer or text goes as it is, under the content type that `headers` give; anything else as JSON. */
  readonly body?: unknown
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>
  readonly body: Buffer
  readonly text: string
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of it
  readonly json: any
}

/**
 * A real CA, initialised in a directory of its own: both applications by `inject`, and over TLS after `listen`. Its clock
 * begins at the real time, since TLS clients know no other, and is moved by tests.
 */
export class TestCa {
  /** Milliseconds since 1970. */
  now = Math.floor(systemClock().getTime() / 1000) * 1000
  readonly clock = () => new Date(this.now)
  readonly directory = mkdtempSync(join(tmpdir(), 'chancery-api-'))
  readonly log: string[] = []
  readonly #options: RawOptions
  service!: Service
  tls!: FastifyInstance
  http!: FastifyInstance
  adminKey = ''
  #port = 0

  static async create({ options = {}, intermediate = {} }: TestCaOptions = {}): Promise<TestCa> {
    const ca = new TestCa(options)
    const hierarchy = defaultHierarchy()
    await initialise({
      directory: ca.directory,
      clock: ca.clock,
      passphrase: PASSPHRASE,
      intermediate: { ...hierarchy.intermediate, ...intermediate },
      root: { ...hierarchy.root, passphrase: ROOT_PASSPHRASE },
      urls: publicUrls(PUBLIC_URL),
    })
    ca.adminKey = readFileSync(join(ca.directory, 'admin.key'), 'utf8').trim()
    await ca.open()
    return ca
  }

  private constructor(options: RawOptions) {
    this.#options = options
  }

  get seconds(): number {
    return this.now / 1000
  }

  get rootPem(): string {
    return readFileSync(join(this.directory, 'root.pem'), 'utf8')
  }

  get logger() {
    return pino({ level: 'trace' }, { write: (line: string) => void this.log.push(line) })
  }

  async open(): Promise<void> {
    const { config } = loadConfig({}, { ...this.#options, publicUrl: PUBLIC_URL, dir: this.directory })
    const { clock, logger } = this
    this.service = await openService({
      config,
      passphrase: PASSPHRASE,
      clock,
      log: logger,
      publicUrl: () => PUBLIC_URL,
    })
    this.tls = buildTlsApp(this.service, logger)
    this.http = buildHttpApp(this.service, logger)
  }

  /** What a restart does. */
  async reopen(): Promise<void> {
    await this.#stop()
    await this.open()
  }

  /** Makes the TLS application listen, under a certificate that the CA issues for it. */
  async listen(): Promise<number> {
    const { service, directory, clock, logger } = this
    const names = [{ type: 'dns' as const, value: 'localhost' }]
    const identity = await serviceIdentity({
      ...service,
      directory,
      passphrase: PASSPHRASE,
      names,
      clock,
      onFault: fail,
    })
    await this.tls.close()
    this.tls = buildTlsApp(service, logger)
    const { key, certificate: cert } = identity
    ;(this.tls.server as unknown as TlsServer).setSecureContext({ key, cert })
    await this.tls.listen({ host: '127.0.0.1', port: 0 })
    this.#port = (this.tls.server.address() as AddressInfo).port
    return this.#port
  }

  async #stop(): Promise<void> {
    await this.tls.close()
    await this.http.close()
    await this.service.close()
  }

  /** Every test file ends with this: whatever happened, inventory, OCSP and CRLs must tell one story. */
  async close(): Promise<void> {
    try {
      await checkInvariants(this)
    } finally {
      await this.#stop()
      rmSync(this.directory, { recursive: true, force: true })
    }
  }

  /** Asks the TLS application, without a network. */
  async call(url: string, call: Call = {}, app: FastifyInstance = this.tls): Promise<Answer> {
    const { headers, payload } = this.#message(call)
    const method = call.method ?? (call.body === undefined ? 'GET' : 'POST')
    return fromInject(
      await app.inject({ method, url, headers, ...(payload === undefined ? {} : { payload }) }),
    )
  }

  /** Asks over TLS, as the holder of a certificate if there is an `identity`; then no bearer secret is sent. */
  send(path: string, call: Call & { identity?: Identity } = {}): Promise<Answer> {
    const { headers, payload } = this.#message(call.identity ? { ...call, as: call.as ?? null } : call)
    return new Promise((resolve, reject) => {
      const request = httpsRequest(
        {
          host: '127.0.0.1',
          port: this.#port,
          servername: 'localhost',
          path,
          method: call.method ?? 'POST',
          headers:
            payload === undefined ? headers : { ...headers, 'content-length': Buffer.byteLength(payload) },
          ca: this.rootPem,
          agent: false,
          ...(call.identity ? { key: call.identity.key, cert: call.identity.certificate } : {}),
        },
        (response) => {
          const chunks: Buffer[] = []
          response.on('data', (chunk: Buffer) => chunks.push(chunk))
          response.on('end', () =>
            resolve(answer(response.statusCode!, response.headers, Buffer.concat(chunks))),
          )
        },
      )
      request.on('error', reject)
      request.end(payload)
    })
  }

  #message({ as = this.adminKey, headers = {}, body }: Call) {
    const bare = typeof body === 'string' || Buffer.isBuffer(body)
    const payload = body === undefined || bare ? (body as string | Buffer | undefined) : JSON.stringify(body)
    return {
      payload,
      headers: {
        ...(as === null ? {} : { authorization: `Bearer ${as}` }),
        ...(body === undefined || bare ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
    }
  }

  /** Enrols with the admin key; the certificate as the API shows it. */
  async enrol(csr: string, wishes: Record<string, unknown> = {}, call: Call = {}) {
    const issued = await this.call('/v1/certificates', { ...call, body: { csr, ...wishes } })
    expect(issued.status, issued.text).toBe(201)
    return issued.json
  }

  async token(wish: Record<string, unknown>): Promise<{ id: number; token: string; expiresAt: string }> {
    const made = await this.call('/v1/tokens', { body: wish })
    expect(made.status, made.text).toBe(201)
    return made.json
  }

  async certificates(): Promise<CertificateRow[]> {
    const { read } = this.service.store
    const rows: CertificateRow[] = []
    let after: string | null = null
    do {
      const page: Awaited<ReturnType<typeof read.searchCertificates>> = await read.searchCertificates(
        { now: epochSeconds(this.clock()) },
        { limit: 500, ...(after === null ? {} : { after }) },
      )
      for (const { serialNumber } of page.rows) rows.push((await read.certificate(serialNumber))!)
      after = page.next
    } while (after !== null)
    return rows
  }

  /** Audit rows of one action, the newest first. */
  async audit(action: string) {
    return (await this.service.store.read.listAudit({ action }, { limit: 1000 })).rows
  }

  /** What a refusal must leave as it was. */
  async inventory(): Promise<string[]> {
    return (await this.certificates()).map(
      ({ serialNumber, revocation }) => `${serialNumber} ${JSON.stringify(revocation)}`,
    )
  }

  get issuerPem(): string {
    return encodePem('CERTIFICATE', this.service.authorities.issuing().certificate.der)
  }
}

/** A refusal as RFC 9457 has it: stable type, and words that say what to change. */
/** For what must not happen in a test: the fault itself ends it. */
function fail(error: unknown): never {
  throw error
}

export function expectProblem(answer: Answer, status: number, code: ErrorCode, detail?: RegExp): void {
  expect({ status: answer.status, type: answer.json?.type }, answer.text).toEqual({
    status,
    type: `urn:chancery:problem:${code}`,
  })
  expectProblemDocument(answer)
  if (detail) expect(answer.json.detail).toMatch(detail)
}

/** Any problem document. */
export function expectProblemDocument({ headers, json, status }: Answer): void {
  expect(headers['content-type']).toMatch(/^application\/problem\+json(?:;|$)/)
  expect(json).toMatchObject({
    type: expect.stringMatching(/^urn:chancery:problem:[a-zA-Z]+$/),
    title: expect.stringMatching(/\S/),
    status,
    instance: expect.stringMatching(/^urn:chancery:request:\S+$/),
  })
  if (status === 500) expect(json).not.toHaveProperty('detail')
  else expect(json.detail).toMatch(/^\S.*\.$/s)
}

function fromInject({ statusCode, headers, rawPayload }: LightMyRequestResponse): Answer {
  return answer(statusCode, headers, rawPayload)
}

export function answer(status: number, headers: Answer['headers'], body: Buffer): Answer {
  const text = body.toString('utf8')
  const json = /json\b/.test(String(headers['content-type'])) && text ? JSON.parse(text) : undefined
  return { status, headers, body, text, json }
}
