import { once } from 'node:events'
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Worker } from 'node:worker_threads'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { openChancery } from '../src/index.ts'
import { type RunningServer, urlHost } from '../src/server.ts'
import { certId, ocspRequest } from './ocsp/ocsp-request.ts'
import { startServer } from './start-server.ts'

const directory = mkdtempSync(join(tmpdir(), 'chancery-server-'))
let running: RunningServer | undefined

beforeAll(async () => (await openChancery({ directory, publicUrl: 'http://ca.example.test' })).close())
afterEach(() => running?.close())
afterAll(() => rmSync(directory, { recursive: true }))

async function start(options: object = {}): Promise<RunningServer> {
  running = undefined
  running = await startServer({}, { dir: directory, tlsPort: 0, httpPort: 0, ...options })
  return running
}

test('a port that is taken is a mistake in the configuration, and everything opened before is closed', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as AddressInfo
  await expect(start({ httpPort: port })).rejects.toMatchObject({
    code: 'badConfiguration',
    detail: expect.stringContaining(`port ${port}: another process listens there`),
  })
  other.close()
  // The database's lock and both ports are free again.
  await (await start()).close()
})

test.each([
  ['is not there', join(directory, 'nowhere')],
  ['has too long a name for a socket', join(directory, 'x'.repeat(100))],
])(
  'workers need a place for temporary files: one that %s stops the start, and is named',
  async (_, place) => {
    if (!place.endsWith('nowhere')) mkdirSync(place)
    vi.stubEnv('TMPDIR', place)
    onTestFinished(() => void vi.unstubAllEnvs())
    await expect(start({ workers: 1 })).rejects.toMatchObject({
      code: 'badConfiguration',
      detail: expect.stringMatching(RegExp(`cannot be made below ${place}: .*TMPDIR`)),
    })
  },
)

test.each([
  ['::', 'localhost'],
  ['2001:db8::1', '[2001:db8::1]'],
  ['fe80::1%eth0', '[fe80::1]'],
  ['ca.example.test', 'ca.example.test'],
])('the address %s is %s in a URL', (host, inUrl) => {
  expect(urlHost({ host })).toBe(inUrl)
  expect(URL.canParse(`https://${inUrl}:8443`)).toBe(true)
})

test('an admin key that others may read stops the start', async () => {
  chmodSync(join(directory, 'admin.key'), 0o644)
  await expect(start()).rejects.toMatchObject({
    code: 'badConfiguration',
    detail: expect.stringContaining('chmod 600'),
  })
  chmodSync(join(directory, 'admin.key'), 0o600)
})

test('requests and handshakes that were never finished do not hold up the end', async () => {
  const { httpUrl, tlsUrl, close } = await start()
  const half = connect(Number(new URL(httpUrl).port), '127.0.0.1')
  half.write('POST /ocsp HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\nabc')
  const silent = connect(Number(new URL(tlsUrl).port), '127.0.0.1')
  await Promise.all([once(half, 'connect'), once(silent, 'connect')])
  const ended = Promise.all(
    [half, silent].map((socket) =>
      once(
        socket.on('error', () => {}),
        'close',
      ),
    ),
  )
  // Node's own time-outs would be 30 s and 10 s, and the test's is 15 s for all of it.
  await close()
  await ended
}, 15_000)

test.each([0, 1])(
  'with %d workers a client hears its answer also where it sends no more',
  async (workers) => {
    const { httpUrl, service } = await start({ workers })
    const { rows } = await service.store.read.searchCertificates({ now: 0 }, { limit: 1 })
    const asked = ocspRequest([certId(service.authorities.issuing().certificate, rows[0]!.serialNumber)])
    for (const [head, body] of [
      ['GET /bundles/roots.pem HTTP/1.1', ''],
      // Nobody asked for it before, so that it has to be signed.
      [`POST /ocsp HTTP/1.1\r\nContent-Length: ${asked.length}`, asked],
    ] as const) {
      const socket = connect({ port: Number(new URL(httpUrl).port), host: '127.0.0.1', allowHalfOpen: true })
      socket.write(`${head}\r\nHost: localhost\r\n\r\n`)
      socket.end(body)
      expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\n./s)
    }
  },
)

test('what cannot be cleared away keeps nothing else from being closed', async () => {
  const place = join(directory, 'temporary')
  mkdirSync(place)
  vi.stubEnv('TMPDIR', place)
  onTestFinished(() => void vi.unstubAllEnvs())
  const { close } = await start({ workers: 1 })
  renameSync(place, `${place}-away`)
  writeFileSync(place, '')
  await close()
  // The database's lock and both ports are free again.
  await (await start()).close()
})

/** In a thread: connects as many clients to a port, and once it is told to, has all of them ask at once; posts how often which status came. */
const CROWD = `
const { connect } = require('node:net')
const { once } = require('node:events')
const { parentPort, workerData: { port, count } } = require('node:worker_threads')
const clients = Array.from({ length: count }, () => connect(port, '127.0.0.1'))
Promise.all(clients.map((one) => once(one, 'connect'))).then(async () => {
  parentPort.postMessage('connected')
  await once(parentPort, 'message')
  for (const one of clients) one.write('GET /bundles/roots.pem HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n')
  const counts = {}
  for (const [data] of await Promise.all(clients.map((one) => once(one, 'data')))) {
    const status = data.toString('latin1', 9, 12)
    counts[status] = (counts[status] ?? 0) + 1
  }
  for (const one of clients) one.destroy()
  parentPort.postMessage(counts)
})`

test('with workers a crowd waits while the main thread does something else', async () => {
  const { httpUrl } = await start({ workers: 2 })
  const port = Number(new URL(httpUrl).port)
  const crowd = new Worker(CROWD, { eval: true, workerData: { port, count: 700 } })
  await once(crowd, 'message')
  crowd.postMessage('ask')
  // Long enough for the workers to have forwarded more than 511, which Node has a system hold by itself.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2000)
  const [counts] = await once(crowd, 'message')
  await crowd.terminate()
  expect(counts).toEqual({ 200: 700 })
}, 30_000)
