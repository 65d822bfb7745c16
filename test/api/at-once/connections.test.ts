import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import Fastify from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { exchanger } from '../../../bench/load.ts'
import { answerOnConnections } from '../../../src/api/at-once/connections.ts'
import { PreparedAnswers } from '../../../src/api/at-once/prepared-answers.ts'
import { limitConnections } from '../../../src/api/overload/connections.ts'
import { BEGUN_PER_TURN } from '../../../src/api/overload/turn-budget.ts'
import type { SignedResponse } from '../../../src/ocsp/sign-response.ts'
import { eventually } from '../../eventually.ts'

const NOW = 1_800_000_000
const signed = (text: string): SignedResponse => ({
  der: Buffer.from(text),
  etag: `"${text}"`,
  thisUpdate: NOW - 10,
  nextUpdate: NOW + 1000,
  says: 'good',
})
const KNOWN = new Map([
  ['/ocsp/one', signed('first')],
  ['/ocsp/two', signed('second')],
  ['0body', signed('third')],
])

let server: Server
let port: number
let endResting: () => void
let isOpen: boolean
/** What reached the server. */
let reached: string[]
let sockets: Socket[]
let opened: Promise<[Socket]>

beforeEach(async () => {
  reached = []
  sockets = []
  isOpen = true
  server = createServer((request, response) => {
    reached.push(`${request.method} ${request.url}`)
    response.end('from the server')
  })
  const log = Fastify({ logger: false }).log
  endResting = answerOnConnections(server, {
    answers: { known: (asked) => KNOWN.get(asked) ?? null },
    prepared: new PreparedAnswers(
      () => new Date(NOW * 1000),
      () => server.keepAliveTimeout,
    ),
    log,
    newRequestId: () => '1',
    isOpen: () => isOpen,
    rests: (socket) => limit.rests(socket),
  })
  const limit = limitConnections(server, 3, log)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  port = (server.address() as AddressInfo).port
  opened = once(server, 'connection') as Promise<[Socket]>
})
afterEach(async () => {
  for (const socket of sockets) socket.destroy()
  server.closeAllConnections()
  endResting()
  server.close()
})

async function open(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  sockets.push(socket)
  await once(socket, 'connect')
  return socket
}
const get = (url: string, more = '') => Buffer.from(`GET ${url} HTTP/1.1\r\nHost: x\r\n${more}\r\n`)
const post = (body: string, more = '') =>
  Buffer.from(`POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n${more}\r\n${body}`)
const received = (socket: Socket) => {
  const all: Buffer[] = []
  socket.on('data', (chunk: Buffer) => all.push(chunk))
  return () => Buffer.concat(all).toString('latin1')
}

test('what is known is answered without the server', async () => {
  const ask = exchanger(await open())
  for (const [request, body] of [
    [get('/ocsp/one'), 'first'],
    [get('/ocsp/two', 'Content-Length: 0\r\nAccept: */*\r\nConnection: Keep-Alive\r\n'), 'second'],
    [post('0body'), 'third'],
    [get('/ocsp/one'), 'first'],
  ] as const) {
    const answer = await ask(request)
    expect([answer.status, answer.body.toString()]).toEqual([200, body])
    expect(answer.head).toMatch(/\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5$/)
  }
  expect(reached).toEqual([])
})

test('the first that is not known takes the connection to the server, and all of it', async () => {
  const socket = await open()
  const ask = exchanger(socket)
  expect((await ask(get('/ocsp/one'))).body.toString()).toBe('first')
  expect((await ask(get('/ocsp/other'))).body.toString()).toBe('from the server')
  expect((await ask(get('/ocsp/one'))).body.toString()).toBe('from the server')
  expect(reached).toEqual(['GET /ocsp/other', 'GET /ocsp/one'])
})

test.each([
  ['a condition', get('/ocsp/one', 'If-None-Match: "first"\r\n')],
  ['another version', Buffer.from('GET /ocsp/one HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\n\r\n')],
  ['another host', get('/ocsp/one', 'Host: y\r\n')],
  ['a wish to close', get('/ocsp/one', 'Connection: close\r\n')],
  [
    'a body where none belongs',
    Buffer.concat([get('/ocsp/one', 'Content-Length: 2\r\n'), Buffer.from('{}')]),
  ],
  [
    'chunks',
    Buffer.from(
      'POST /ocsp HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n0body\r\n0\r\n\r\n',
    ),
  ],
  ['another method', Buffer.from('HEAD /ocsp/one HTTP/1.1\r\nHost: x\r\n\r\n')],
  ['a body that is the address of a GET', post('/ocsp/one')],
])('%s is left to the server', async (_, request) => {
  const socket = await open()
  const text = received(socket)
  socket.write(request)
  await eventually(() => expect(text()).toMatch(/^HTTP\/1\.1 200 OK\r\n/))
  expect(reached).toHaveLength(1)
})

test.each([
  ['no host', 'GET /ocsp/one HTTP/1.1\r\n\r\n'],
  ['a field without a name', 'GET /ocsp/one HTTP/1.1\r\nHost: x\r\n: 1\r\n\r\n'],
  ['a space before the colon', 'GET /ocsp/one HTTP/1.1\r\nHost : x\r\n\r\n'],
  ['a control character', 'GET /ocsp/one HTTP/1.1\r\nHost: x\r\nA: \u0001\r\n\r\n'],
  ['two lengths', 'POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n0body'],
  ['a length that is no number', 'POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Length: +5\r\n\r\n0body'],
])('%s is refused as ever', async (_, request) => {
  const socket = await open()
  const text = received(socket)
  socket.write(request)
  await eventually(() => expect(text()).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/))
})

test('a request in two pieces, cut anywhere, is answered once', async () => {
  for (const request of [get('/ocsp/one'), post('0body')]) {
    for (let cut = 1; cut < request.length; cut += 7) {
      const socket = await open()
      const ask = exchanger(socket)
      socket.setNoDelay(true)
      socket.write(request.subarray(0, cut))
      await new Promise(setImmediate)
      expect((await ask(request.subarray(cut))).status).toBe(200)
      socket.destroy()
    }
  }
})

test('requests sent at once are answered in their order, by whomever', async () => {
  const socket = await open()
  const text = received(socket)
  const known = [get('/ocsp/one'), post('0body'), get('/ocsp/two')]
  const close = get('/ocsp/one', 'Connection: close\r\n')
  socket.write(Buffer.concat([...known, get('/other'), get('/ocsp/one'), close]))
  await once(socket, 'close')
  const bodies = text()
    .split(/HTTP\/1\.1 200 OK\r\n/)
    .slice(1)
    .map((one) => one.slice(one.indexOf('\r\n\r\n') + 4))
  const fromServer = Array.from({ length: 3 }, () => 'from the server')
  expect(bodies).toEqual(['first', 'third', 'second', ...fromServer])
  expect(reached).toHaveLength(3)
})

test('who does not read is not read from, and gets everything later', async () => {
  const socket = await open()
  const [served] = await opened
  socket.pause()
  const count = 50_000
  const requests = Buffer.concat(Array.from({ length: count }, () => get('/ocsp/one')))
  socket.write(requests)
  await eventually(() => expect(served.isPaused()).toBe(true))
  expect(served.bytesRead).toBeLessThan(requests.length)
  expect(served.writableLength).toBeLessThan(1_000_000)
  let answers = 0
  let rest = ''
  socket.on('data', (chunk: Buffer) => {
    // A request that is cut by the end of a packet goes to the server, and the connection with it.
    const parts = (rest + chunk.toString('latin1')).split(/\r\n\r\nf(?:irst|rom the server)/)
    answers += parts.length - 1
    rest = parts.at(-1)!
  })
  socket.resume()
  await eventually(() => expect(answers).toBe(count))
})

test('more connections than begin in one turn are all answered', async () => {
  const limited = server.listeners('connection')[0] as () => void
  server.removeListener('connection', limited)
  const all = await Promise.all(Array.from({ length: BEGUN_PER_TURN + 50 }, open))
  const asks = all.map(exchanger)
  for (const _ of [1, 2]) {
    const answers = await Promise.all(asks.map((ask) => ask(get('/ocsp/one'))))
    expect(answers.every(({ body }) => body.toString() === 'first')).toBe(true)
  }
  expect(reached).toEqual([])
})

test('a client that is done sending gets its answer, and the end', async () => {
  const socket = await open()
  const text = received(socket)
  socket.end(get('/ocsp/one'))
  await once(socket, 'close')
  expect(text()).toMatch(/first$/)
})

test('one that rests counts as idle: it goes first where there are too many', async () => {
  const [first, second, third] = [await open(), await open(), await open()] as const
  for (const one of [second, first, third]) await exchanger(one)(get('/ocsp/one'))
  await exchanger(await open())(get('/ocsp/one'))
  await eventually(() => expect(second.destroyed).toBe(true))
  expect([first.destroyed, third.destroyed]).toEqual([false, false])
})

test('those that rest are ended when asked, and who comes then is served by the server', async () => {
  const resting = await open()
  await exchanger(resting)(get('/ocsp/one'))
  endResting()
  await eventually(() => expect(resting.destroyed).toBe(true))
  const late = exchanger(await open())
  expect((await late(get('/ocsp/one'))).body.toString()).toBe('from the server')
})

test('where connections are to be closed, the server answers, which says so', async () => {
  isOpen = false
  expect((await exchanger(await open())(get('/ocsp/one'))).body.toString()).toBe('from the server')
})

test('a silent connection is told so and closed, and one that rests too long is closed', async () => {
  server.requestTimeout = 50
  server.keepAliveTimeout = 1
  const silent = await open()
  const text = received(silent)
  const resting = await open()
  await exchanger(resting)(get('/ocsp/one'))
  await once(silent, 'close')
  expect(text()).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\nConnection: close\r\n/)
  await eventually(() => expect(resting.destroyed).toBe(true))
})
