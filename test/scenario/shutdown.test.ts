import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectTcp } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect, type TLSSocket } from 'node:tls'
import { expect, test } from 'vitest'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'

/** A connection with the head and half the body of an enrolment sent: the service waits for the rest. */
async function halfAnEnrolment(
  service: ServiceProcess,
  name: string,
): Promise<{ socket: TLSSocket; rest: string }> {
  const body = JSON.stringify({ csr: newCsr(name) })
  const socket = connect({
    host: '127.0.0.1',
    port: Number(new URL(service.tlsUrl).port),
    servername: 'localhost',
    ca: readFileSync(service.rootFile),
  })
  await once(socket, 'secureConnect')
  const head = [
    'POST /v1/certificates HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${service.adminKey}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
  ]
  const half = body.length >> 1
  // "Expect" makes the service say that it has read the head: from then on the request is in flight.
  socket.write(`${head.join('\r\n')}\r\nExpect: 100-continue\r\n\r\n${body.slice(0, half)}`)
  const [first] = (await once(socket, 'data')) as [Buffer]
  expect(first.toString()).toMatch(/^HTTP\/1\.1 100 /)
  return { socket, rest: body.slice(half) }
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  '%s lets requests in flight finish, takes no new ones, and keeps what it acknowledged',
  async (signal) => {
    const service = await startService({ environment: { CHANCERY_LOG_LEVEL: 'info' } })
    const names = ['a.example.test', 'b.example.test', 'c.example.test']
    const flights = await Promise.all(names.map((name) => halfAnEnrolment(service, name)))
    service.signal(signal)
    // It no longer listens: that it does so before the requests have ended is the point.
    await expect.poll(() => connects(service), { timeout: 20_000 }).toBe(false)

    const answers = await Promise.all(
      flights.map(async ({ socket, rest }) => {
        const answer = text(socket)
        socket.write(rest)
        return answer
      }),
    )
    for (const answer of answers) expect(answer).toMatch(/^HTTP\/1\.1 201 Created\r\n/)
    expect(await service.ended(), service.log).toEqual([0, null])

    const again = await startService({ directory: service.directory })
    const rest = again.rest()
    const rows = await rest.all<'certificates', { names: { dns: string[] } }>(
      '/v1/certificates',
      'certificates',
    )
    const found = rows.map((row) => row.names.dns[0])
    expect(found).toEqual(expect.arrayContaining(names))
    rest.close()
    await again.stop()
  },
)

test('a connection whose handshake hangs does not hold it up for long', async () => {
  const service = await startService()
  const socket = connectTcp(Number(new URL(service.tlsUrl).port), '127.0.0.1')
  await once(socket, 'connect')
  await service.stop()
  socket.destroy()
})

test('an idle keep-alive connection does not hold up the end', async () => {
  const service = await startService()
  const rest = service.rest()
  expect((await rest.call('GET', '/healthz', { bearer: null })).status).toBe(200)
  await service.stop()
  rest.close()
})

async function connects(service: ServiceProcess): Promise<boolean> {
  const socket = connect({
    host: '127.0.0.1',
    port: Number(new URL(service.tlsUrl).port),
    servername: 'localhost',
    ca: readFileSync(service.rootFile),
  })
  return new Promise((resolve) => {
    socket.on('secureConnect', () => resolve(true)).on('error', () => resolve(false))
  }).finally(() => socket.destroy()) as Promise<boolean>
}
