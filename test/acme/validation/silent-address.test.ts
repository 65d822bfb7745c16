import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, test } from 'vitest'
import { validateChallenge } from '../../../src/acme/validation/validate.ts'
import { challenge, contextOf, dnsFor, KEY_AUTHORIZATION, NAME } from './setting.ts'

/** Serves the key authorization behind a redirect. Gives the port, and what was asked for. */
async function site() {
  const asked: string[] = []
  const server = createServer((request, response) => {
    asked.push(request.url!)
    if (request.url === '/elsewhere') response.end(KEY_AUTHORIZATION)
    else response.writeHead(302, { location: '/elsewhere' }).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return { port: (server.address() as AddressInfo).port, asked }
}

/** At the address and port nobody takes a connection, and nobody refuses one: the queue of a listener is full. */
async function blackHole(host: string, port: number): Promise<void> {
  const listener = `const { createServer } = require('node:net'), { parentPort } = require('node:worker_threads')
    createServer().listen({ host: '${host}', port: ${port}, backlog: 1 }, () => {
      parentPort.postMessage('')
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
    })`
  const worker = new Worker(listener, { eval: true })
  onTestFinished(async () => {
    await worker.terminate()
  })
  await new Promise((resolve) => worker.once('message', resolve))
  // Linux takes one more than it was told.
  for (let taken = 0; taken < 2; taken++) {
    const socket = connect({ host, port }).on('error', () => {})
    onTestFinished(() => {
      socket.destroy()
    })
    await new Promise((resolve) => socket.once('connect', resolve))
  }
}

test.skipIf(process.platform !== 'linux')(
  'an address that did not answer before a redirect is the last to be tried behind it',
  async () => {
    const { port, asked } = await site()
    await blackHole('127.0.0.2', port)
    const dns = await dnsFor({ [NAME]: { A: ['127.0.0.2', '127.0.0.1'] } })
    // Each address may take half of it.
    await validateChallenge(challenge('http-01'), contextOf(dns, { httpPort: port, timeout: 4 }))
    expect(asked).toHaveLength(2)
  },
)
