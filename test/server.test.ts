import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { loadConfig } from '../src/config/load.ts'
import { openChancery } from '../src/index.ts'
import { createLog } from '../src/log.ts'
import { type RunningServer, startServer } from '../src/server.ts'

const directory = mkdtempSync(join(tmpdir(), 'chancery-server-'))
let running: RunningServer | undefined

beforeAll(async () => (await openChancery({ directory, publicUrl: 'http://ca.example.test' })).close())
afterEach(() => running?.close())
afterAll(() => rmSync(directory, { recursive: true }))

async function start(options: object = {}): Promise<RunningServer> {
  const { config, secrets } = loadConfig({}, { dir: directory, tlsPort: 0, httpPort: 0, ...options })
  running = undefined
  running = await startServer(config, { passphrase: secrets.passphrase! }, { log: createLog('silent') })
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
