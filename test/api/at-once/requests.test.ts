import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { exchanger } from '../../../bench/load.ts'
import { eventually } from '../../eventually.ts'
import { readAnswer } from '../../ocsp/answer.ts'
import { certId, nonce, ocspRequest } from '../../ocsp/ocsp-request.ts'
import { TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
let port: number
let socket: Socket
let send: ReturnType<typeof exchanger>
/** Requests that reached the application. */
let reached = 0
const begin = () => ca.service.authorities.issuing().certificate.notBefore + 2 * 86_400

beforeAll(async () => {
  ca = await TestCa.create()
  ca.http.addHook('onRequest', async () => {
    reached++
  })
  await ca.http.listen({ host: '127.0.0.1', port: 0 })
  port = (ca.http.server.address() as AddressInfo).port
  socket = await open()
  send = exchanger(socket)
})
afterAll(async () => {
  socket.destroy()
  await ca.close()
})
beforeEach(() => {
  ca.now = begin() * 1000
  reached = 0
})

async function open(): Promise<Socket> {
  const one = connect(port, '127.0.0.1')
  await once(one, 'connect')
  return one
}

async function newCertificate(): Promise<{ serialNumber: string; request: Buffer }> {
  const { serialNumber } = await ca.enrol(csrPem(['dns:web.example.test']))
  return { serialNumber, request: requestFor(serialNumber) }
}

const requestFor = (serialNumber: string, extensions: Buffer[] = []) =>
  ocspRequest([certId(ca.service.authorities.issuing().certificate, serialNumber)], extensions)
const addressOf = (request: Buffer) => `/ocsp/${encodeURIComponent(request.toString('base64'))}`
const get = (url: string, more = '') =>
  send(Buffer.from(`GET ${url} HTTP/1.1\r\nHost: ca.example.test\r\n${more}\r\n`))
const post = (body: Buffer, url = '/ocsp') =>
  send(
    Buffer.concat([
      Buffer.from(`POST ${url} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`),
      body,
    ]),
  )
const undated = (head: string) => head.replace(/\r\nDate: [^\r]+/, '')
const statusOf = (der: Buffer) =>
  readAnswer(der, ca.service.authorities.issuing()).singles.map(({ status }) => status)
const etagOf = (head: string) => /\r\netag: (\S+)/.exec(head)![1]!
const revoke = async (serialNumber: string, reason = 'superseded') => {
  const { status } = await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: { reason } })
  expect(status).toBe(200)
}

test('the same answer, octet for octet, with the application and without', async () => {
  const { request } = await newCertificate()
  const base64 = request.toString('base64')
  const asks: (() => ReturnType<typeof get>)[] = [
    () => get(addressOf(request)),
    () => get(`/ocsp/${base64}`),
    () => get(`/ocsp//${base64}`),
    () => post(request),
    () => post(request, '/ocsp/'),
  ]
  for (const ask of asks) {
    reached = 0
    const first = await ask()
    const second = await ask()
    expect(undated(second.head)).toBe(undated(first.head))
    expect(second.body).toEqual(first.body)
    expect(second.head).toMatch(/\r\nDate: \w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT\r\n/)
    expect(statusOf(second.body)).toEqual(['good'])
    expect(reached).toBeLessThan(2)
  }
  // The forms of GET were read once each; a POST is the same to whichever address.
  reached = 0
  for (const ask of asks) await ask()
  expect(reached).toBe(0)
})

test('304 to those who have it, field for field', async () => {
  const { request } = await newCertificate()
  const url = addressOf(request)
  const { head } = await get(url)
  const modified = /last-modified: ([^\r]+)/.exec(head)![1]!
  for (const condition of [
    `If-None-Match: ${etagOf(head)}\r\n`,
    `if-none-match: "other", W/${etagOf(head)}\r\n`,
    `If-None-Match: "other"\r\nIf-Modified-Since: ${modified}\r\n`,
    `If-Modified-Since: ${modified}\r\n`,
    'If-Modified-Since: yesterday\r\n',
  ]) {
    await get(url)
    reached = 0
    const known = await get(url, condition)
    expect(reached).toBe(0)
    // A query makes it another request to look at, and the same to answer.
    const read = await get(`${url}?${condition.length}`, condition)
    expect(reached).toBe(1)
    expect([undated(known.head), known.body]).toEqual([undated(read.head), read.body])
  }
  expect((await get(url, `If-None-Match: ${etagOf(head)}\r\n`)).status).toBe(304)
})

test('what is revoked in the second in which it was called good is news to those who ask by date alone', async () => {
  const { serialNumber, request } = await newCertificate()
  const url = addressOf(request)
  const { head } = await get(url)
  const modified = /last-modified: ([^\r]+)/.exec(head)![1]!
  await revoke(serialNumber)
  for (const asked of [url, `${url}?1`, url]) {
    const { status, body } = await get(asked, `If-Modified-Since: ${modified}\r\n`)
    expect([status, statusOf(body)]).toEqual([200, ['revoked']])
  }
})

test('max-age counts down, and what is stale is made anew', async () => {
  const { request } = await newCertificate()
  const url = addressOf(request)
  const first = await get(url)
  ca.now += 1000
  const next = await get(url)
  expect(next.head).toBe(
    first.head
      .replace('max-age=21600', 'max-age=21599')
      .replace(/Date: [^\r]+/, /Date: [^\r]+/.exec(next.head)![0]),
  )
  ca.now += 6 * 3600 * 1000
  const renewed = await get(url)
  expect(etagOf(renewed.head)).not.toBe(etagOf(first.head))
  expect(renewed.head).toContain('max-age=21600,')
  // A clock that was set back.
  ca.now = (begin() - 10) * 1000
  expect(etagOf((await get(url)).head)).not.toBe(etagOf(renewed.head))
})

test('from the moment a revocation is acknowledged nobody hears of before: GET, POST, entity tags', async () => {
  const { serialNumber, request } = await newCertificate()
  const url = addressOf(request)
  const before = await get(url)
  for (const _ of [1, 2]) await post(request)
  await revoke(serialNumber, 'certificateHold')
  reached = 0
  const after = await get(url, `If-None-Match: ${etagOf(before.head)}\r\n`)
  expect([after.status, statusOf(after.body)]).toEqual([200, ['revoked']])
  expect(statusOf((await post(request)).body)).toEqual(['revoked'])
  expect((await get(url, `If-None-Match: ${etagOf(after.head)}\r\n`)).status).toBe(304)
  const released = await ca.call(`/v1/certificates/${serialNumber}/release`, { method: 'POST' })
  expect(released.status).toBe(200)
  expect(statusOf((await get(url)).body)).toEqual(['good'])
})

test('every request has its line in the log, the same with the application and without', async () => {
  const { request } = await newCertificate()
  ca.log.length = 0
  for (const _ of [1, 2]) await get(addressOf(request))
  for (const _ of [1, 2]) await post(request)
  await eventually(() => expect(ca.log.length).toBe(4))
  const lines = ca.log.map((line) => JSON.parse(line))
  expect(new Set(lines.map(({ reqId }) => reqId)).size).toBe(4)
  for (const line of lines) {
    expect(Object.keys(line)).toEqual(Object.keys(lines[0]))
    expect(line).toMatchObject({ level: 30, status: 200, address: '127.0.0.1', msg: 'request' })
    expect(line.ms).toBeGreaterThanOrEqual(0)
  }
  expect(lines.map(({ method, path }) => [method, path])).toEqual([
    ...[1, 2].map(() => ['GET', addressOf(request)]),
    ...[1, 2].map(() => ['POST', '/ocsp']),
  ])
})

test('a body that comes in pieces, or after its head, is read to its end', async () => {
  const { request } = await newCertificate()
  const whole = await post(request)
  for (const cuts of [[0], [1], [request.length - 1], [5, 40]]) {
    const slow = await open()
    slow.setNoDelay(true)
    let received = Buffer.alloc(0)
    slow.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk])
    })
    slow.write(
      `POST /ocsp HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${request.length}\r\n\r\n`,
    )
    for (const [i, cut] of [0, ...cuts].entries()) {
      for (let turns = 0; turns < 20; turns++) await turn()
      slow.write(request.subarray(cut, [...cuts, request.length][i]))
    }
    await once(slow, 'close')
    expect(received.subarray(-whole.body.length)).toEqual(whole.body)
  }
})

test('several requests sent at once are answered in their order', async () => {
  const [one, two] = [await newCertificate(), await newCertificate()]
  const answers = new Map<string, Buffer>()
  for (const { request, serialNumber } of [one, two]) {
    await post(request)
    answers.set(serialNumber, (await get(addressOf(request))).body)
  }
  const pipeline = await open()
  let received = Buffer.alloc(0)
  pipeline.on('data', (chunk: Buffer) => {
    received = Buffer.concat([received, chunk])
  })
  const head = (request: Buffer) =>
    `POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: ${request.length}\r\n\r\n`
  pipeline.write(
    Buffer.concat([
      Buffer.from(head(one.request)),
      one.request,
      Buffer.from(
        `GET ${addressOf(two.request)} HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n`,
      ),
      Buffer.from(`GET ${addressOf(one.request)} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`),
    ]),
  )
  await once(pipeline, 'close')
  const bodies = received
    .toString('latin1')
    .split(/HTTP\/1\.1 200 OK\r\n/)
    .slice(1)
    .map((text) => Buffer.from(text.slice(text.indexOf('\r\n\r\n') + 4), 'latin1'))
  const [first, second] = [answers.get(one.serialNumber), answers.get(two.serialNumber)]
  expect(bodies).toEqual([first, second, Buffer.from('{"status":"ok"}'), first])
})

test('what is not in every answer is never taken from memory', async () => {
  const { serialNumber } = await newCertificate()
  const withNonce = requestFor(serialNumber, [nonce(16)])
  for (const _ of [1, 2, 3]) await post(withNonce)
  expect(reached).toBe(3)
  for (const _ of [1, 2]) await get(addressOf(withNonce))
  expect(reached).toBe(5)
  // A form that carries more than the certificate's name, and its answer.
  const long = Buffer.concat([requestFor(serialNumber), Buffer.alloc(600)])
  for (const _ of [1, 2]) await post(long)
  expect(reached).toBe(7)
})

test('more ways to ask about one certificate push out each other, and no other certificate', async () => {
  const [flooded, other] = [await newCertificate(), await newCertificate()]
  const url = addressOf(other.request)
  for (const _ of [1, 2]) await get(url)
  const forms = Array.from({ length: 50 }, (_, i) => `${addressOf(flooded.request)}?${i}`)
  for (const form of forms) await get(form)
  reached = 0
  await get(url)
  await get(forms.at(-1)!)
  expect(reached).toBe(0)
  await get(forms[0]!)
  expect(reached).toBe(1)
})

test('while the listener closes, answers say so and their connections end', async () => {
  const { request } = await newCertificate()
  const url = addressOf(request)
  const last = await open()
  const ask = exchanger(last)
  const bytes = Buffer.from(`GET ${url} HTTP/1.1\r\nHost: x\r\n\r\n`)
  for (const _ of [1, 2]) expect((await ask(bytes)).head).not.toMatch(/connection: close/i)
  const half = bytes.length >> 1
  last.write(bytes.subarray(0, half))
  for (let turns = 0; turns < 20; turns++) await turn()
  const closed = ca.http.close()
  await eventually(() => expect(ca.http.server.listening).toBe(false))
  const answer = await ask(bytes.subarray(half))
  expect(answer.head).toMatch(/\r\nconnection: close/i)
  await once(last, 'close')
  await closed
  await ca.reopen()
})
