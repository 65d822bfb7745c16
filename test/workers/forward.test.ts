import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import {
  createServer,
  request as httpRequest,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { afterAll, afterEach, beforeEach, expect, test } from 'vitest'
import { forwardTo } from '../../src/workers/forward.ts'
import { eventually } from '../eventually.ts'

const folder = mkdtempSync(join(tmpdir(), 'chancery-forward-'))
const socketPath = join(folder, 'main.sock')
let main: Server
let worker: Server
let isOpen = true
let errors: Error[] = []
/** What the main thread does. */
let answer: RequestListener

beforeEach(async () => {
  isOpen = true
  errors = []
  answer = (_request, response) => response.end('ok')
  main = createServer((request, response) => answer(request, response)).listen(socketPath)
  worker = createServer(
    forwardTo({ socketPath, isOpen: () => isOpen, onError: (error) => errors.push(error) }),
  ).listen(0, '127.0.0.1')
  await Promise.all([once(main, 'listening'), once(worker, 'listening')])
})
afterEach(async () => {
  for (const server of [worker, main]) {
    server.closeAllConnections()
    server.close()
  }
  rmSync(socketPath, { force: true })
})

afterAll(() => rmSync(folder, { recursive: true }))

async function ask(
  path: string,
  options: object = {},
  body?: Buffer | string,
): Promise<IncomingMessage & { body: Buffer }> {
  const { port } = worker.address() as AddressInfo
  const request = httpRequest({ host: '127.0.0.1', port, path, agent: false, ...options }).end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return Object.assign(response, { body: await buffer(response) })
}

test('method, address, fields and body reach the main thread; addresses that a client claims do not', async () => {
  let seen: Partial<Pick<IncomingMessage, 'method' | 'url' | 'headers'>> & { body?: string } = {}
  answer = async (request, response) => {
    const { method, url, headers } = request
    seen = { ...{ method, url, headers }, body: await text(request) } as typeof seen
    response.writeHead(418, 'Teapot', ['x-a', '1', 'Set-Cookie', 'a', 'set-cookie', 'b']).end('short')
  }
  const headers = {
    'x-forwarded-for': '203.0.113.7',
    'X-Forwarded-Proto': 'https',
    forwarded: 'for=203.0.113.7',
    'if-none-match': '"x"',
  }
  for (const more of [{}, { 'transfer-encoding': 'chunked' }]) {
    const options = { method: 'PUT', headers: { ...headers, ...more } }
    const response = await ask('/a//b?c=%20', options, 'body')
    expect(seen).toMatchObject({ method: 'PUT', url: '/a//b?c=%20', body: 'body' })
    expect(seen.headers).toMatchObject({ 'x-forwarded-for': '127.0.0.1', 'if-none-match': '"x"' })
    expect(Object.keys(seen.headers!).filter((name) => name.includes('forwarded'))).toEqual([
      'x-forwarded-for',
    ])
    expect([response.statusCode, response.statusMessage, response.body.toString()]).toEqual([
      418,
      'Teapot',
      'short',
    ])
    expect(response.headers).toMatchObject({ 'x-a': '1', 'set-cookie': ['a', 'b'] })
  }
})

test('a client of HTTP/1.0 is answered as by the main thread: without a Host, and never in chunks', async () => {
  answer = async (request, response) => {
    const got = await text(request)
    response.write(`${request.method} `)
    response.end(got)
  }
  for (const host of ['', 'Host: ca.example.test\r\n']) {
    const { port } = worker.address() as AddressInfo
    const socket = connect(port, '127.0.0.1')
    socket.write(`POST /ocsp HTTP/1.0\r\n${host}Content-Length: 3\r\n\r\nabc`)
    const [head, body] = (await text(socket)).split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(head).not.toMatch(/transfer-encoding/i)
    expect(body).toBe('POST abc')
  }
})

test('HEAD and 304 have their fields and no body', async () => {
  answer = (request, response) => {
    if (request.method === 'HEAD') response.writeHead(200, { 'content-length': 1234, etag: '"x"' }).end()
    else response.writeHead(304, { etag: '"x"' }).end()
  }
  const head = await ask('/', { method: 'HEAD' })
  expect([head.headers['content-length'], head.headers.etag, head.body.length]).toEqual(['1234', '"x"', 0])
  const known = await ask('/')
  expect([known.statusCode, known.headers.etag, known.body.length]).toEqual([304, '"x"', 0])
})

test('where the main thread does not answer, OCSP clients hear tryLater, and others 503', async () => {
  answer = (request) => request.socket.destroy()
  for (const path of ['/ocsp', '/ocsp/AAAA', '/ocsp?x']) {
    const later = await ask(path)
    expect([later.statusCode, later.headers['content-type']]).toEqual([200, 'application/ocsp-response'])
    expect([later.headers['cache-control'], later.body.toString('hex')]).toEqual(['no-store', '30030a0103'])
  }
  const busy = await ask('/crl/intermediate.crl')
  expect([busy.statusCode, busy.headers['retry-after']]).toEqual([503, '5'])
  expect(JSON.parse(busy.body.toString())).toMatchObject({
    type: 'urn:chancery:problem:overloaded',
    status: 503,
  })
  expect(errors.map(({ message }) => message)).toEqual(Array(4).fill('socket hang up'))
})

test('an answer that breaks off ends the connection, so that nobody takes it for whole', async () => {
  answer = (request, response) => {
    response.writeHead(200, { 'content-length': 100 }).write('half')
    setImmediate(() => request.socket.destroy())
  }
  await expect(ask('/')).rejects.toThrow()
})

test('who went away is not waited for: the main thread hears of it', async () => {
  let gone = false
  let came = false
  answer = (_request, response) => {
    came = true
    response.once('close', () => {
      gone = true
    })
  }
  const { port } = worker.address() as AddressInfo
  const request = httpRequest({ host: '127.0.0.1', port, path: '/', agent: false }).end()
  request.on('error', () => {})
  await eventually(() => expect(came).toBe(true))
  request.destroy()
  await eventually(() => expect(gone).toBe(true))
  expect(errors).toEqual([])
})

test('what a client goes on to send behind its answer is read and dropped: it hears the answer, and asks again', async () => {
  answer = (request, response) => {
    if (request.url === '/next') response.end('next')
    else response.writeHead(413).end('too large')
  }
  const { port } = worker.address() as AddressInfo
  const socket = connect(port, '127.0.0.1')
  let got = ''
  socket.setEncoding('latin1').on('data', (piece) => {
    got += piece
  })
  // More than what the system holds on the way, so that it comes to an end only where somebody reads it.
  const body = Buffer.alloc(32 * 1024 * 1024)
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`)
  socket.write(body)
  await eventually(() => expect(got).toContain('too large'))
  socket.write('GET /next HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() => expect(got).toMatch(/\r\n\r\n(?:4\r\n)?next/))
  socket.destroy()
})

test('while the worker closes, an answer ends its connection', async () => {
  answer = (_request, response) => {
    isOpen = false
    response.end('last')
  }
  const response = await ask('/', { headers: { connection: 'keep-alive' } })
  expect([response.body.toString(), response.headers.connection]).toEqual(['last', 'close'])
})
