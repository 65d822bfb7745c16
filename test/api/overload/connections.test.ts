import { EventEmitter } from 'node:events'
import type { Server } from 'node:http'
import { expect, onTestFinished, test } from 'vitest'
import * as connections from '../../../src/api/overload/connections.ts'

class Connection extends EventEmitter {
  destroyed = false
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

test('connections of HTTP/2 whose client nobody knows make room, and those of known ones stay', () => {
  const { open } = limited(3)
  const [envoy, stranger, other] = [open('h2'), open('h2'), open('h2')]
  envoy!.emit(connections.CLIENT_KNOWN)
  const operator = open('http/1.1')
  expect([envoy, stranger, other, operator].map((one) => one!.destroyed)).toEqual([false, true, false, false])
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
