import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import Fastify from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { HeldConnection } from '../../../src/api/at-once/held-connection.ts'
import { PreparedAnswers } from '../../../src/api/at-once/prepared-answers.ts'
import { RequestHeads } from '../../../src/api/at-once/request-heads.ts'
import type { TurnBudget } from '../../../src/api/overload/turn-budget.ts'
import type { SignedResponse } from '../../../src/ocsp/sign-response.ts'
import { eventually } from '../../eventually.ts'

const NOW = 1_800_000_000
const REQUEST = 'GET /ocsp/one HTTP/1.1\r\nHost: x\r\n\r\n'
const ANSWER: SignedResponse = {
  der: Buffer.from('answer'),
  etag: '"1"',
  thisUpdate: NOW - 10,
  nextUpdate: NOW + 1000,
  says: 'good',
}

let server: Server
let client: Socket
let held: HeldConnection
let received: string
/** What waits for its turn; nothing begins at once. */
let waiting: (() => void)[]
let handedOver: Socket[]
let onKnown: () => void

beforeEach(async () => {
  received = ''
  waiting = []
  handedOver = []
  onKnown = () => {}
  const budget = { take: () => false, later: (begin: () => void) => waiting.push(begin) }
  server = createServer({ allowHalfOpen: true }, (socket) => {
    held = new HeldConnection(socket, {
      answers: {
        known: (asked) => {
          onKnown()
          return asked === '/ocsp/one' ? ANSWER : null
        },
      },
      prepared: new PreparedAnswers(
        () => new Date(NOW * 1000),
        () => 5000,
      ),
      log: Fastify({ logger: false }).log,
      newRequestId: () => '1',
      isOpen: () => true,
      rests: () => {},
      heads: new RequestHeads(),
      budget: budget as unknown as TurnBudget,
      server: { keepAliveTimeout: 5000, requestTimeout: 30_000 },
      serve: (one) => handedOver.push(one),
      gone: () => {},
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  await once(client, 'connect')
})
afterEach(() => {
  client.destroy()
  server.close()
})

const answers = () => received.split('\r\n\r\nanswer').length - 1
/** Lets one begin that waits. */
async function turn(): Promise<void> {
  await eventually(() => expect(waiting).toHaveLength(1))
  waiting.shift()!()
}

test('what was sent at once is answered one request a turn while others wait', async () => {
  client.write(REQUEST.repeat(3))
  for (const count of [1, 2, 3]) {
    await turn()
    await eventually(() => expect(answers()).toBe(count))
  }
  client.write(REQUEST)
  await turn()
  await eventually(() => expect(answers()).toBe(4))
})

test('a connection that is to end has what was read answered first', async () => {
  client.write(REQUEST.repeat(2))
  await eventually(() => expect(waiting).toHaveLength(1))
  held.end()
  for (const _ of [1, 2]) await turn()
  await once(client, 'close')
  expect(answers()).toBe(2)
})

test('a connection that is to end while it is answered gets its answer', async () => {
  onKnown = () => held.end()
  client.write(REQUEST)
  await turn()
  await once(client, 'close')
  expect(answers()).toBe(1)
})

test('a client that sends no more gets its answers, and the end', async () => {
  client.end(REQUEST.repeat(2))
  for (const _ of [1, 2]) await turn()
  await once(client, 'close')
  expect(answers()).toBe(2)
})

test('what is not known goes on with the connection when its turn comes', async () => {
  client.write(`${REQUEST}GET /ocsp/other HTTP/1.1\r\nHost: x\r\n\r\n`)
  for (const _ of [1, 2]) await turn()
  expect(handedOver).toHaveLength(1)
  const [socket] = handedOver as [Socket]
  const [rest] = (await once(socket, 'data')) as [Buffer]
  expect(rest.toString()).toMatch(/^GET \/ocsp\/other /)
  await eventually(() => expect(answers()).toBe(1))
  socket.destroy()
})
