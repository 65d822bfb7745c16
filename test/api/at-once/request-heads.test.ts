import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { RequestHeads } from '../../../src/api/at-once/request-heads.ts'

/** What Node reads, up to its first answer. */
let server: Server
let read: string | null
beforeAll(async () => {
  server = createServer((request, response) => {
    let body = ''
    request.setEncoding('latin1').on('data', (part) => {
      body += part
    })
    request.on('end', () => {
      read ??= `${request.method} ${request.url} ${body}`
      response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

async function readByNode(text: string): Promise<{ read: string | null; stays: boolean }> {
  read = null
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let head = ''
  socket.on('data', (chunk) => {
    head += chunk.toString('latin1')
    if (head.includes('\r\n\r\n')) socket.destroy()
  })
  socket.on('error', () => {})
  socket.write(text, 'latin1')
  await once(socket, 'close')
  return { read, stays: /\r\nConnection: keep-alive\r\n/.test(head) }
}

const GET: string = 'GET /ocsp/MEIwQDA= HTTP/1.1\r\nHost: ca.example.test\r\nAccept: */*\r\n\r\n'
const POST: string =
  'POST /ocsp HTTP/1.1\r\nHost: x\r\nContent-Type: application/ocsp-request\r\nContent-Length: 5\r\n\r\n0\u0003\u00ff\r\n'
const LINES = [
  'Content-Length: 5\r\n',
  'Content-Length: 0\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: y\r\n',
  'Connection: close\r\n',
  'connection: keep-alive\r\n',
  'Expect: 100-continue\r\n',
  'Upgrade: h2c\r\n',
  ' folded\r\n',
  'X: \u00e9\r\n',
  'X:\r\n',
  'If-None-Match: *\r\n',
]
const PIECES = ['\r', '\n', '\r\n', ':', ' ', '\t', '\0', 'HTTP/1.1', '/', '0', '\u007f', '\u0080']

const change = fc.oneof(
  fc.record({ kind: fc.constant('line' as const), piece: fc.constantFrom(...LINES) }),
  fc.record({ kind: fc.constant('insert' as const), at: fc.nat(200), piece: fc.constantFrom(...PIECES) }),
  fc.record({
    kind: fc.constant('remove' as const),
    at: fc.nat(200),
    length: fc.integer({ min: 1, max: 4 }),
  }),
)
const changed = fc
  .record({ from: fc.constantFrom(GET, POST), changes: fc.array(change, { maxLength: 3 }) })
  .map(({ from, changes }) =>
    changes.reduce((text: string, one) => {
      if (one.kind === 'line') return text.replace('\r\n', () => `\r\n${one.piece}`)
      const at = one.at % text.length
      return one.kind === 'insert'
        ? text.slice(0, at) + one.piece + text.slice(at)
        : text.slice(0, at) + text.slice(at + one.length)
    }, from),
  )

test('what is read as a plain request Node reads as the same one, on a connection that stays', async () => {
  const heads = new RequestHeads()
  let plain = 0
  await fc.assert(
    fc.asyncProperty(changed, async (text) => {
      const request = heads.read(text, 0)
      // An address is known only if Node has read it before.
      if (!request || !/^[\x21-\x7e]+$/.test(request.url)) return
      plain++
      const { method, url, asked } = request
      const expected = `${method} ${url} ${method === 'POST' ? asked : ''}`
      expect(await readByNode(text.slice(0, request.end))).toEqual({ read: expected, stays: true })
    }),
    { numRuns: 3000 },
  )
  expect(plain).toBeGreaterThan(100)
})

test('fields are known again however many there were, and wherever they stood', () => {
  const heads = new RequestHeads()
  for (let n = 0; n < 1000; n++) {
    const text = `${'x'.repeat(n % 3)}GET /ocsp/a HTTP/1.1\r\nHost: ${n % 300}\r\n\r\nrest`
    const request = heads.read(text, n % 3)
    expect(request).toEqual({ method: 'GET', url: '/ocsp/a', asked: '/ocsp/a', end: text.length - 4 })
    expect(heads.read(text.replace('Host', 'Ghost'), n % 3)).toBeNull()
  }
})

test('a body that is longer than what is known again, or not all there, is left to others', () => {
  const heads = new RequestHeads()
  const post = (length: number, body: string) =>
    `POST /ocsp/ HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n${body}`
  expect(heads.read(post(512, `0${'a'.repeat(511)}`), 0)?.asked).toHaveLength(512)
  expect(heads.read(post(513, `0${'a'.repeat(512)}`), 0)).toBeNull()
  expect(heads.read(post(3, '0a'), 0)).toBeNull()
})
