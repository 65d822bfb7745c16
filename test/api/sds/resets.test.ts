import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RESETS_AT_ONCE } from '../../../src/api/sds/resets.ts'
import { TestCa } from '../ca-fixture.ts'

let ca: TestCa
let port: number

beforeEach(async () => {
  ca = await TestCa.create()
  port = await ca.listen()
})
afterEach(() => ca.close())

const [HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY] = [1, 3, 4, 6, 7]
const END_HEADERS = 4
const CANCEL = Buffer.from([0, 0, 0, 8])

function frame(type: number, flags: number, stream: number, payload = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head.writeUInt8(type, 3)
  head.writeUInt8(flags, 4)
  head.writeUInt32BE(stream, 5)
  return Buffer.concat([head, payload])
}

/** A literal without indexing, of a new name (RFC 7541 6.2.2). */
function field(name: string, value: string): Buffer {
  const text = (one: string) => Buffer.concat([Buffer.from([one.length]), Buffer.from(one)])
  return Buffer.concat([Buffer.from([0]), text(name), text(value)])
}

const CALL = Buffer.concat([
  field(':method', 'POST'),
  field(':scheme', 'https'),
  field(':path', '/envoy.service.secret.v3.SecretDiscoveryService/StreamSecrets'),
  field(':authority', 'localhost'),
  field('content-type', 'application/grpc'),
  field('te', 'trailers'),
])

/** Whether the server ends the connection: a PING that it answers may overtake what says so, the next one cannot. */
async function isEnded(socket: TLSSocket): Promise<boolean> {
  const ping = () => socket.write(frame(PING, 0, 0, Buffer.alloc(8)))
  ping()
  let octets = Buffer.alloc(0)
  let answered = 0
  try {
    for await (const chunk of socket) {
      octets = Buffer.concat([octets, chunk])
      while (octets.length >= 9 && octets.length >= 9 + octets.readUIntBE(0, 3)) {
        const type = octets.readUInt8(3)
        octets = octets.subarray(9 + octets.readUIntBE(0, 3))
        if (type === GOAWAY) return true
        if (type === PING && ++answered === 2) return false
        if (type === PING) ping()
      }
    }
  } catch {
    // What it said may be lost with what it did not read any more.
  }
  return true
}

test.each([
  ['as many streams as may be reset at once', RESETS_AT_ONCE, false],
  ['more and more streams', 4 * RESETS_AT_ONCE, true],
])('whoever begins and resets %s: is the connection ended?', async (_what, count, expected) => {
  const socket = connect({ port, host: 'localhost', ca: ca.rootPem, ALPNProtocols: ['h2'] })
  await once(socket, 'secureConnect')
  const calls = Array.from({ length: count }, (_, n) => 2 * n + 1).flatMap((stream) => [
    frame(HEADERS, END_HEADERS, stream, CALL),
    frame(RST_STREAM, 0, stream, CANCEL),
  ])
  const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  socket.write(Buffer.concat([preface, frame(SETTINGS, 0, 0), ...calls]))
  expect(await isEnded(socket)).toBe(expected)
  socket.destroy()
})
