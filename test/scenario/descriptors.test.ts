import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { eventually } from '../eventually.ts'
import { newCsr } from './csr.ts'
import { type ServiceProcess, startService } from './harness.ts'
import { missing } from './tools.ts'

const atMost = (descriptors: number) => ['bash', '-c', `ulimit -n ${descriptors}; exec "$@"`, 'bash']
const GET = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'
const held: Socket[] = []
afterEach(() => {
  for (const socket of held.splice(0)) socket.destroy()
})

async function open(url: string, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const socket = connect(Number(new URL(url).port), '127.0.0.1').on('error', () => {})
    held.push(socket)
    await once(socket, 'connect')
  }
}

async function ask(socket: Socket): Promise<string> {
  socket.write(GET)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return answer.toString()
}

async function issue(service: ServiceProcess): Promise<void> {
  const rest = service.rest()
  const body = { csr: newCsr('few.example.test') }
  expect((await rest.call('POST', '/v1/certificates', { body })).status).toBe(201)
  rest.close()
}

function lines(service: ServiceProcess, text: string): number {
  return service.log.split('\n').filter((line) => line.includes(text)).length
}

test('with few descriptors the service holds fewer connections, says so once, and keeps serving', async () => {
  const service = await startService({ before: atMost(200) })
  await open(service.httpUrl, 1)
  const [first] = held
  expect(await ask(first!)).toMatch(/^HTTP\/1\.1 200 /)
  await open(service.httpUrl, 400)
  await open(service.tlsUrl, 400)
  // Those that never asked for anything went first.
  expect(await ask(first!)).toMatch(/^HTTP\/1\.1 200 /)
  await issue(service)
  expect((await fetch(`${service.httpUrl}/crl/intermediate.crl`)).status).toBe(200)
  expect(lines(service, 'fewer connections than')).toBe(1)
  await service.stop()
})

test.each(['2', '16'])(
  'with %s workers as well: slow senders take no descriptor that the way to the main thread needs',
  async (workers) => {
    const service = await startService({ before: atMost(600), environment: { CHANCERY_WORKERS: workers } })
    await open(service.httpUrl, 300)
    for (const socket of held)
      socket.write('POST /ocsp HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n')
    for (let n = 0; n < 20; n++) {
      const answer = await fetch(`${service.httpUrl}/crl/intermediate.crl`, {
        headers: { connection: 'close' },
      })
      expect(answer.status).toBe(200)
      await answer.arrayBuffer()
    }
    expect(service.log).not.toContain('EMFILE')
    await issue(service)
    await service.stop()
  },
)

test.skipIf(missing('prlimit'))(
  'where the system refuses descriptors all the same, connections that are there are served, and new ones again later',
  async () => {
    const service = await startService()
    await open(service.httpUrl, 1)
    const [first] = held
    await ask(first!)
    const limit = (soft: number) =>
      promisify(execFile)('prlimit', ['--pid', `${service.pid}`, `--nofile=${soft}:`])
    const before = readdirSync(`/proc/${service.pid}/fd`).length
    await limit(before + 10)
    await open(service.httpUrl, 40)
    await eventually(() => expect(held.filter((socket) => socket.destroyed).length).toBeGreaterThan(20))
    expect(await ask(first!)).toMatch(/^HTTP\/1\.1 200 /)
    await eventually(async () => {
      // Some were let in and are gone by now.
      await open(service.httpUrl, 10)
      expect(lines(service, 'No file descriptor is left')).toBeGreaterThan(0)
    })
    for (const socket of held.slice(1)) socket.destroy()
    await limit(1024)
    await issue(service)
    await service.stop()
  },
)
