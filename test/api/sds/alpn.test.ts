import { EventEmitter } from 'node:events'
import { createServer } from 'node:https'
import { expect, test } from 'vitest'
import { divertHttp2 } from '../../../src/api/sds/alpn.ts'

test('whoever else watches connections hears of those of HTTP/2 too, and HTTP/1.1 does not', () => {
  const server = createServer()
  const heard: string[] = []
  server.on('secureConnection', () => heard.push('watcher'))
  divertHttp2(server, () => heard.push('taken'))
  const socket = Object.assign(new EventEmitter(), { alpnProtocol: 'h2' })
  server.emit('secureConnection', socket as never)
  expect(heard).toEqual(['watcher', 'taken'])
  expect(socket.eventNames()).toEqual([])
})
