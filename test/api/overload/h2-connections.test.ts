import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { eventually } from '../../eventually.ts'
import { TestCa } from '../ca-fixture.ts'

const LIMIT = 16
/** HTTP/2's preface, and settings that change nothing (RFC 9113 3.4). */
const HELLO = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from('000000040000000000', 'hex'),
])

let ca: TestCa
let port: number
const held: Socket[] = []
beforeEach(async () => {
  ca = await TestCa.create({ options: { limits: { tlsConnections: LIMIT } } })
  port = await ca.listen()
})
afterEach(async () => {
  for (const socket of held.splice(0)) socket.destroy()
  await ca.close()
})

async function open(protocol: string): Promise<Socket> {
  const socket = connectTls({
    ...{ port, host: '127.0.0.1', servername: 'localhost', ca: ca.rootPem },
    ALPNProtocols: [protocol],
  })
  held.push(socket.on('error', () => {}))
  await once(socket, 'secureConnect')
  return socket
}

async function openSilent(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = connectTcp({ port, host: '127.0.0.1' })
    held.push(socket.on('error', () => {}))
    await once(socket, 'connect')
  }
}

const connections = () =>
  new Promise<number>((resolve) => ca.tls.server.getConnections((_error, count) => resolve(count)))

test('at the limit of the TLS listener the silent go, and the stream of an Envoy stays', async () => {
  const envoy = await open('h2')
  const settings = once(envoy, 'data')
  envoy.write(HELLO)
  await settings
  const silent = await open('http/1.1')
  const gone = once(silent, 'close')
  await openSilent(3 * LIMIT)
  await gone
  await eventually(async () => expect(await connections()).toBeLessThanOrEqual(LIMIT))
  expect(envoy.destroyed).toBe(false)
  // It is still there: a ping (RFC 9113 6.7) is answered with its octets.
  const answer = once(envoy, 'data')
  envoy.write(Buffer.from('0000080600000000006368616e63657279', 'hex'))
  expect((await answer)[0].toString('latin1')).toContain('chancery')
})
