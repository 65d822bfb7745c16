import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { TestCa } from './ca-fixture.ts'

let ca: TestCa
let port: number

beforeAll(async () => {
  ca = await TestCa.create()
  await ca.http.listen({ host: '127.0.0.1', port: 0 })
  port = (ca.http.server.address() as AddressInfo).port
})
afterAll(() => ca.close())

async function get(path: string, ...hosts: readonly string[]): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port })
  await once(socket, 'connect')
  const fields = hosts.map((host) => `Host: ${host}\r\n`).join('')
  socket.write(`GET ${path} HTTP/1.1\r\n${fields}Connection: close\r\n\r\n`)
  return text(socket)
}

test.each(['/healthz', '/bundles/default.pem', '/ocsp/none'])(
  'a second Host at %s is refused (RFC 9112 3.2)',
  async (path) => {
    expect(await get(path, 'localhost')).not.toContain('host stands twice')
    const refused = await get(path, 'localhost', 'other.example.test')
    expect(refused).toMatch(/^HTTP\/1\.1 400 /)
    expect(refused).toContain('The header host stands twice; send it once.')
  },
)
