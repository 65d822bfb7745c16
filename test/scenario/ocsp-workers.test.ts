import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exchanger } from '../../bench/load.ts'
import { PIPELINED } from '../../src/api/overload/pipelined.ts'
import { eventually } from '../eventually.ts'
import { readAnswer } from '../ocsp/answer.ts'
import { certId, ocspRequest } from '../ocsp/ocsp-request.ts'
import { newCsr } from './csr.ts'
import { enrolWithCurl, openSslRequest, relyingParty, serialOf } from './enrolment.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { Published } from './published.ts'
import type { Rest } from './rest.ts'
import { missing, tool } from './tools.ts'
import { INSPECTED, WorkerThreads } from './worker-threads.ts'

let service: ServiceProcess
let rest: Rest
let published: Published
let threads: WorkerThreads

beforeAll(async () => {
  service = await startService({
    environment: { CHANCERY_WORKERS: '2', CHANCERY_LOG_LEVEL: 'info', ...INSPECTED },
  })
  rest = service.rest()
  published = await Published.of(service)
  threads = await WorkerThreads.of(service)
})
afterAll(async () => {
  threads?.close()
  rest?.close()
  await service?.stop()
})

class Client {
  readonly socket: Socket
  readonly #exchange: ReturnType<typeof exchanger>

  static async open(): Promise<Client> {
    const socket = connect(Number(new URL(service.httpUrl).port), '127.0.0.1')
    await once(socket, 'connect')
    return new Client(socket)
  }

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('error', () => {})
    this.#exchange = exchanger(socket)
  }

  get(path: string, more = '') {
    return this.#exchange(Buffer.from(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n${more}\r\n`))
  }

  post(body: Buffer) {
    const head = `POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${body.length}\r\n\r\n`
    return this.#exchange(Buffer.concat([Buffer.from(head), body]))
  }

  /** Of the thread that answered from its copy, as its request id says it. */
  async worker(path: string): Promise<number> {
    const { length } = service.log
    return eventually(async () => {
      // Just after it was asked for first, a copy may not have it yet, and the main thread answers.
      await this.get(path)
      const id = /"reqId":"[0-9a-z]+-(\d)-/.exec(service.log.slice(length))
      if (!id) throw new Error('no line of a worker')
      return Number(id[1])
    })
  }
}

/** So many that not all land on one of two, but once in a billion runs. */
const open = () => Promise.all(Array.from({ length: 32 }, () => Client.open()))

async function newCertificate() {
  const { serialNumber } = await rest.json<{ serialNumber: string }>('POST', '/v1/certificates', {
    body: { csr: newCsr('web.example.test') },
  })
  const request = ocspRequest([certId(published.issuer, serialNumber)])
  return { serialNumber, request, path: `/ocsp/${encodeURIComponent(request.toString('base64'))}` }
}

const statusOf = (der: Buffer) => readAnswer(der, { certificate: published.issuer }).singles[0]?.status
const etagOf = (head: string) => /\r\netag: (\S+)/.exec(head)![1]!
const revoke = (serialNumber: string, reason = 'superseded') =>
  rest.json('POST', `/v1/certificates/${serialNumber}/revoke`, { body: { reason } })

test('a connection that asks for too much at once is refused by its worker: the main thread would hold each as one of its own', async () => {
  const { socket } = await Client.open()
  socket.write('GET /crl/intermediate.crl HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(60))
  const statuses = (await text(socket)).match(/(?<=HTTP\/1\.1 )\d+/g)
  expect(statuses).toEqual([...Array(PIPELINED).fill('200'), '503'])
})

test('the beginning of HTTP/2, which a parser takes for a method, is refused by the worker: its sender heard nothing', async () => {
  const { socket } = await Client.open()
  socket.write('PRI /crl/intermediate.crl\r\n\r\n')
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 400 /)
})

test('both workers answer, from their copies, what the main thread answers, and all its other paths', async () => {
  const { path, request } = await newCertificate()
  const clients = await open()
  const [first] = clients
  const main = await first!.get(path)
  const mainPost = await first!.post(request)
  const workers = new Set<number>()
  for (const client of clients) {
    workers.add(await client.worker(path))
    const answer = await client.get(path)
    expect(answer.body).toEqual(main.body)
    expect(etagOf(answer.head)).toBe(etagOf(main.head))
    expect(answer.head.split('\r\n').map((line) => line.split(':', 1)[0]!.toLowerCase())).toEqual(
      main.head.split('\r\n').map((line) => line.split(':', 1)[0]!.toLowerCase()),
    )
    expect((await client.post(request)).body).toEqual(mainPost.body)
    expect((await client.get('/crl/intermediate.crl')).body).toEqual((await published.crl()).der)
    expect((await client.get('/readyz')).head).toContain('200 OK')
    expect((await client.get('/nowhere')).status).toBe(404)
    expect((await client.get('/ocsp/%zz')).body).toEqual(Buffer.from('30030a0101', 'hex'))
  }
  expect([...workers].sort()).toEqual([1, 2])
  for (const { socket } of clients) socket.destroy()
})

test('the log has each client’s address, and believes nobody who gives another', async () => {
  const client = await Client.open()
  await client.get('/healthz', 'X-Forwarded-For: 203.0.113.7\r\nForwarded: for=203.0.113.7\r\n')
  await eventually(() =>
    expect(service.log).toMatch(/"path":"\/healthz","status":200,"ms":[\d.]+,"address":"127\.0\.0\.1"/),
  )
  expect(service.log).not.toContain('203.0.113.7')
  client.socket.destroy()
})

test('from the moment the revoking call returns every connection says revoked, and after a release good', async () => {
  const clients = await open()
  const { path, request, serialNumber } = await newCertificate()
  const before = await Promise.all(
    clients.map(async (client) => {
      await client.post(request)
      return client.get(path)
    }),
  )
  for (const { body } of before) expect(statusOf(body)).toBe('good')
  // All ask all the time while the status changes; what was asked after the call returned is looked at.
  for (const [change, status] of [
    [() => revoke(serialNumber, 'certificateHold'), 'revoked'],
    [() => rest.json('POST', `/v1/certificates/${serialNumber}/release`), 'good'],
    [() => revoke(serialNumber), 'revoked'],
  ] as const) {
    let returned = false
    const asking = clients.map(async (client, i) => {
      for (let after = 0; after < 20; ) {
        const isAfter = returned
        const etag = etagOf(before[i]!.head)
        const answer =
          i % 2 ? await client.post(request) : await client.get(path, `If-None-Match: ${etag}\r\n`)
        if (!isAfter) continue
        after++
        expect(answer.status).toBe(200)
        expect(statusOf(answer.body)).toBe(status)
      }
    })
    await change()
    returned = true
    await Promise.all(asking)
  }
  const [client] = clients
  const { head } = await client!.get(path)
  expect((await client!.get(path, `If-None-Match: ${etagOf(head)}\r\n`)).status).toBe(304)
  for (const { socket } of clients) socket.destroy()
})

test('a revocation does not wait for a worker that is held up, and that one says revoked when it goes on', async () => {
  const clients = await open()
  const { path, serialNumber } = await newCertificate()
  for (const client of clients) {
    await client.get(path)
    expect(statusOf((await client.get(path)).body)).toBe('good')
  }
  await threads.run('chancery-plain-1', 'Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000)')
  await revoke(serialNumber)
  const answers = await Promise.all(clients.map((client) => client.get(path)))
  for (const { body } of answers) expect(statusOf(body)).toBe('revoked')
  for (const { socket } of clients) socket.destroy()
})

test('a worker that ends, or that hangs, is replaced; the other serves meanwhile', async () => {
  for (const fault of ['process.exit(1)', 'while (true) {}']) {
    const { path } = await newCertificate()
    const clients = await open()
    for (const client of clients) await client.get(path)
    const ends = clients.map(({ socket }) => once(socket, 'close'))
    const session = await threads.run('chancery-plain-2', fault)
    await Promise.race(ends)
    await eventually(() => {
      const now = threads.sessions.get('chancery-plain-2')
      expect(now !== undefined && now !== session).toBe(true)
    })
    await eventually(async () => {
      const { checks } = JSON.parse((await rest.call('GET', '/readyz')).body.toString())
      expect(checks).toContainEqual({ name: 'workers', ok: true, reason: null })
    })
    // The other's connections went on, and new ones are served.
    const answers = await Promise.allSettled(clients.map((client) => client.get(path)))
    const lost = answers.filter(({ status }) => status === 'rejected').length
    expect(lost).toBeGreaterThan(0)
    expect(lost).toBeLessThan(clients.length)
    const more = await open()
    for (const { body } of await Promise.all(more.map((client) => client.get(path))))
      expect(statusOf(body)).toBe('good')
    for (const { socket } of [...clients, ...more]) socket.destroy()
  }
  expect(service.log).toContain('A worker did not answer any more and was ended')
})

test('a second service on the same port is refused', async () => {
  const { port } = new URL(service.httpUrl)
  const second = startService({ environment: { CHANCERY_WORKERS: '2', CHANCERY_HTTP_PORT: port } })
  await expect(second).rejects.toThrow(/another process listens there already/)
})

describe.skipIf(missing('openssl', 'curl'))('openssl ocsp', () => {
  test('by POST, with a nonce and without, before and after a revocation', async () => {
    const folder = await relyingParty(service)
    await openSslRequest(folder, 'web', 'DNS:web.example.test')
    await enrolWithCurl(folder, service, 'web')
    const issuer = [
      '-issuer',
      'chain.pem',
      '-cert',
      'web.pem',
      '-CAfile',
      'root.pem',
      '-verify_other',
      'chain.pem',
    ]
    const ask = (nonce: string) =>
      tool(folder, 'openssl', 'ocsp', ...issuer, '-url', `${service.httpUrl}/ocsp`, nonce)
    for (const status of ['good', 'revoked']) {
      for (const nonce of ['-no_nonce', '-nonce', '-no_nonce', '-no_nonce', '-no_nonce', '-no_nonce']) {
        const said = await ask(nonce)
        expect(said).toContain('Response verify OK')
        expect(said).not.toContain('WARNING')
        expect(said).toContain(`web.pem: ${status}`)
      }
      if (status === 'good') await revoke(await serialOf(folder, 'web.pem'))
    }
  })
})

test('SIGTERM lets a request in flight finish at a worker, and the process ends well', async () => {
  const other = await startService({ environment: { CHANCERY_WORKERS: '2' } })
  const port = Number(new URL(other.httpUrl).port)
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  const ask = exchanger(socket)
  const idle = connect(port, '127.0.0.1')
  await once(idle, 'connect')
  socket.write('POST /ocsp HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n01234')
  await once(socket, 'data')
  other.signal('SIGTERM')
  await eventually(async () => {
    const late = connect(port, '127.0.0.1')
    const came = await once(late, 'connect').then(
      () => true,
      () => false,
    )
    late.destroy()
    expect(came).toBe(false)
  })
  const answer = await ask(Buffer.from('56789'))
  expect(answer.head).toMatch(/\r\nconnection: close/i)
  expect(answer.body).toEqual(Buffer.from('30030a0101', 'hex'))
  expect(await other.ended(), other.log).toEqual([0, null])
  idle.destroy()
})
