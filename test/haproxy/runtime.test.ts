import { type AddressInfo, createServer } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { HaproxyRuntime } from '../../src/haproxy/runtime.ts'

/** Something that answers as a run-time socket does, on this address. */
async function listening(host: string): Promise<number> {
  const server = createServer((socket) => socket.on('data', () => socket.end('Name: HAProxy\n\n')))
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  onTestFinished(() => void server.close())
  return (server.address() as AddressInfo).port
}

test.each([
  ['127.0.0.1', '127.0.0.1'],
  ['::1', '[::1]'],
  ['::1', '::1'],
])('a run-time socket on %s is reached as %s', async (host, written) => {
  const port = await listening(host)
  expect(await new HaproxyRuntime(`${written}:${port}`).command('show info')).toBe('Name: HAProxy')
})

test.each(['127.0.0.1:65536', '127.0.0.1', 'haproxy:'])('%s is no run-time socket', (name) => {
  expect(() => new HaproxyRuntime(name)).toThrow(/is no run-time socket/)
})
