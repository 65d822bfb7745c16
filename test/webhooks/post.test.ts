import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { AddressRules } from '../../src/acme/validation/addresses.ts'
import { NameResolver } from '../../src/acme/validation/name-resolver.ts'
import { MOST_AT_ONCE, Poster } from '../../src/webhooks/post.ts'

test('answers that never end keep no connection from the messages that come next', async () => {
  const server = createServer((request, response) => {
    request.resume().once('end', () => response.write('the first part'))
  })
  const closed: Promise<unknown>[] = []
  server.on('connection', (socket) => closed.push(once(socket, 'close')))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)
  const poster = new Poster({
    ...{ url, ca: undefined },
    ...{ resolver: new NameResolver(), networks: new AddressRules() },
  })
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => {
    vi.useRealTimers()
    poster.close()
    server.closeAllConnections()
    server.close()
  })
  const taken = Array.from({ length: MOST_AT_ONCE }, () => ({ status: 200, retryAfter: null }))
  expect(await Promise.all(taken.map(() => poster.post({}, '{}')))).toEqual(taken)
  // Not only once an attempt is over.
  vi.advanceTimersByTime(1000)
  await Promise.all(closed)
  expect(closed).toHaveLength(MOST_AT_ONCE)
})
