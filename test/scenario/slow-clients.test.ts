import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { missing, run, workFolder } from './tools.ts'

const held = new Set<Socket>()
afterEach(() => {
  for (const socket of held) socket.destroy()
  held.clear()
})

/** Raw TCP connections, in lots that the system's queue takes. */
async function open(port: number, count: number, first = ''): Promise<Socket[]> {
  const sockets: Socket[] = []
  while (sockets.length < count) {
    const lot = Array.from({ length: Math.min(500, count - sockets.length) }, () =>
      connect(port, '127.0.0.1'),
    )
    await Promise.all(
      lot.map(async (socket) => {
        held.add(socket)
        socket.on('error', () => {})
        await once(socket, 'connect')
        if (first === '') return
        socket.write(first)
        await once(socket, 'data')
      }),
    )
    sockets.push(...lot)
  }
  return sockets
}

function portOf(url: string): number {
  return Number(new URL(url).port)
}

async function expectServed(service: ServiceProcess): Promise<void> {
  const rest = service.rest()
  const body = { csr: newCsr('patient.example.test') }
  expect((await rest.call('POST', '/v1/certificates', { body })).status).toBe(201)
  expect((await fetch(`${service.httpUrl}/crl/intermediate.crl`)).status).toBe(200)
  rest.close()
}

const GET = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'

test('10,000 idle keep-alive connections are held, are served again, and end with the service', async () => {
  const service = await startService()
  const sockets = await open(portOf(service.httpUrl), 10_000, GET)
  await expectServed(service)
  for (const socket of [sockets[0]!, sockets.at(-1)!]) {
    socket.write(GET)
    const [answer] = (await once(socket, 'data')) as [Buffer]
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 /)
  }
  await service.stop()
})

test('silent connections, more than a listener may hold, keep nobody out', async () => {
  const service = await startService()
  await open(portOf(service.tlsUrl), 5000)
  await expectServed(service)
  expect(service.log).toContain('Idle connections were closed')
  await service.stop()
})

test('a client that sends many requests at once and reads no answer keeps nobody waiting', async () => {
  const service = await startService()
  const [socket] = await open(portOf(service.httpUrl), 1)
  socket!.pause()
  const lot = Buffer.from('GET /bundles/roots.pem HTTP/1.1\r\nHost: localhost\r\n\r\n'.repeat(1000))
  for (let i = 0; i < 200; i++) socket!.write(lot)
  await expectServed(service)
  expect((await fetch(`${service.httpUrl}/readyz`)).status).toBe(200)
  socket!.destroy()
  await service.stop()
})

const ATTACKS = [
  ['slow headers', ['-H']],
  ['slow bodies', ['-B', '-t', 'POST']],
  ['slow reading', ['-X', '-w', '10', '-y', '20', '-n', '5', '-z', '32']],
  ['ranges', ['-R']],
] as const

test.skipIf(missing('slowhttptest'))(
  'slowhttptest denies nobody the service, at neither listener',
  async () => {
    const service = await startService()
    const urls = [`${service.httpUrl}/crl/intermediate.crl`, `${service.tlsUrl}/v1/certificates`]
    for (const [what, options] of ATTACKS) {
      let isOver = false
      const attacks = Promise.all(
        urls.map((url) =>
          run(
            'slowhttptest',
            [...options, '-c', '300', '-r', '300', '-i', '2', '-l', '4', '-p', '3', '-u', url],
            {
              cwd: workFolder(),
            },
          ),
        ),
      ).finally(() => {
        isOver = true
      })
      let served = 0
      while (!isOver) {
        await expectServed(service)
        served++
      }
      for (const { stdout, stderr } of await attacks)
        expect(stdout + stderr).toMatch(/Exit status|Test ended/i)
      expect(served, what).toBeGreaterThan(0)
    }
    await service.stop()
  },
)
