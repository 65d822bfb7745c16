import { EventEmitter, once } from 'node:events'
import { createServer, type Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, onTestFinished, test } from 'vitest'
import * as connections from '../../../src/api/overload/connections.ts'
import { paceHandshakes } from '../../../src/api/overload/handshakes.ts'
import { systemClock } from '../../../src/clock.ts'
import { eventually } from '../../eventually.ts'

class Connection extends EventEmitter {
  destroyed = false
  writableLength = 0
  readonly alpnProtocol: string
  constructor(alpnProtocol = 'http/1.1') {
    super()
    this.alpnProtocol = alpnProtocol
  }
  destroy() {
    this.destroyed = true
    this.emit('close')
  }
}

function limited(limit: number) {
  const server = new EventEmitter()
  const log = { warn() {}, error() {} }
  const limits = connections.limitConnections(server as unknown as Server, limit, log as never)
  onTestFinished(() => limits.stop())
  const open = (alpn?: string) => {
    const connection = new Connection(alpn)
    server.emit('connection', connection)
    if (alpn) server.emit('secureConnection', connection)
    return connection
  }
  return { server, limits, open }
}

test('nothing is kept of connections that have closed', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const { open } = limited(1000)
  // Many at once: the set grows meanwhile.
  const closed = (() => {
    const all = Array.from({ length: 500 }, () => open())
    for (const one of all) one.destroy()
    return all.map((one) => new WeakRef(one))
  })()
  // Until the end of what runs now they are held by the references themselves.
  await new Promise(setImmediate)
  collect()
  expect(closed.filter((one) => one.deref()).length).toBeLessThan(10)
})

test('connections of HTTP/2 whose client nobody knows make room, and those of known ones stay', () => {
  const { open } = limited(3)
  const [envoy, stranger, other] = [open('h2'), open('h2'), open('h2')]
  envoy!.emit(connections.CLIENT_KNOWN)
  const operator = open('http/1.1')
  expect([envoy, stranger, other, operator].map((one) => one!.destroyed)).toEqual([false, true, false, false])
})

test('where all are of known clients of HTTP/2, one goes of whoever has most of them, and of those with one each none', () => {
  const { open } = limited(3)
  const known = (holder: string) => {
    const one = open('h2')
    one.emit(connections.CLIENT_KNOWN, holder)
    return one
  }
  const crowd = [known('certificate:1'), known('certificate:1'), known('certificate:1')]
  const envoy = known('certificate:2')
  const operator = known('admin:default')
  expect([...crowd, envoy, operator].map((one) => one.destroyed)).toEqual([true, true, false, false, false])
  expect(open('h2').destroyed).toBe(true)
})

test('a connection with a request at work is not idle because another was answered at once', () => {
  const { server, limits, open } = limited(2)
  const [busy, rested] = [open(), open()]
  server.emit('request', { socket: busy, headers: {} }, new EventEmitter())
  limits.rests(busy as never)
  limits.rests(rested as never)
  open()
  expect([busy, rested].map((one) => one!.destroyed)).toEqual([false, true])
})

test('requests whose bodies do not come keep no one out, and those that have come whole stay', () => {
  const { server, open } = limited(3)
  const request = (socket: Connection, headers: object) => {
    const one = Object.assign(new EventEmitter(), { socket, headers })
    server.emit('request', one, new EventEmitter())
    return one
  }
  const [whole, slow, slower] = [open(), open(), open()]
  request(whole, { 'content-length': '3' }).emit('end')
  request(slow, { 'content-length': '3' })
  request(slower, { 'transfer-encoding': 'chunked' })
  const operator = open()
  expect([whole, slow, slower, operator].map((one) => one!.destroyed)).toEqual([false, true, false, false])
})

test('clients that do not read their answers, as many as a listener holds, keep nobody out', async () => {
  const long = Buffer.alloc(64 * 1024 * 1024)
  let asked = 0
  const server = createServer(({ url }, response) => {
    if (url === '/long') asked++
    response.end(url === '/long' ? long : 'short')
  })
  const limits = connections.limitConnections(server, 3, { warn() {}, error() {} } as never)
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const silent: Socket[] = []
  onTestFinished(() => {
    limits.stop()
    for (const socket of silent) socket.destroy()
    server.close()
    server.closeAllConnections()
  })
  for (let n = 1; n <= 3; n++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    silent.push(socket.pause())
    socket.write('GET /long HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await eventually(() => expect(asked).toBe(n))
  }
  for (let n = 0; n < 5; n++)
    expect(
      await (await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })).text(),
    ).toBe('short')
})

test('over TLS it is the connection above that tells whether the client reads', async () => {
  const server = new EventEmitter()
  server.on('connection', () => {})
  paceHandshakes(server as unknown as TlsServer, systemClock, () => {})
  const log = { warn() {}, error() {} }
  const limits = connections.limitConnections(server as unknown as Server, 2, log as never)
  onTestFinished(() => limits.stop())
  const open = async (remotePort: number, writableLength: number) => {
    const carrier = Object.assign(new Connection(), { remotePort })
    server.emit('connection', carrier)
    await new Promise(setImmediate)
    const socket = Object.assign(new Connection(), { remotePort, writableLength })
    server.emit('secureConnection', socket)
    server.emit('request', { socket, headers: {} }, new EventEmitter())
    return carrier
  }
  const [reading, unread] = [await open(1, 0), await open(2, 70_000)]
  const next = await open(3, 0)
  expect([reading, unread, next].map((one) => one.destroyed)).toEqual([false, true, false])
  // All are at work, and all read.
  expect((await open(4, 0)).destroyed).toBe(true)
})
