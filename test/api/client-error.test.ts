import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { answerClientError } from '../../src/api/client-error.ts'
import { eventually } from '../eventually.ts'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
/** No method is called so. */
const GARBAGE = '{"}\r\n\r\n'

let server: Server
let client: Socket
/** How often something could not be read. */
let unread: number
afterEach(() => {
  client.destroy()
  server.close()
})

/** Gives what comes on a connection up to its end. */
async function open(listener: RequestListener): Promise<{ answers: Promise<string> }> {
  unread = 0
  server = createServer(listener)
  server.on('clientError', answerClientError)
  server.on('clientError', () => {
    unread++
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  return { answers: text(client) }
}

const statuses = (answers: string) => [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)

test('what cannot be read is answered behind the requests that came before it', async () => {
  const responses: ServerResponse[] = []
  const { answers } = await open((_request, response) => responses.push(response))
  client.write(GET + GET + GARBAGE)
  await eventually(() => expect(unread).toBe(1))
  // The client goes on regardless.
  client.write(GARBAGE)
  await eventually(() => expect(unread).toBe(2))
  responses[1]!.writeHead(202).end('second')
  responses[0]!.writeHead(201).end('first')
  expect(statuses(await answers)).toEqual(['201', '202', '400'])
})

test('it does not stand in the middle of an answer that is on its way', async () => {
  const responses: ServerResponse[] = []
  const { answers } = await open((_request, response) => {
    responses.push(response)
    response.writeHead(200, { 'content-length': 10 }).write('first')
  })
  client.write(GET + GARBAGE)
  await eventually(() => expect(unread).toBe(1))
  responses[0]!.end('after')
  expect((await answers).split('\r\n\r\n')[1]).toMatch(/^firstafterHTTP\/1\.1 400 /)
})

test('a client that wanted no more than one answer gets no other', async () => {
  const responses: ServerResponse[] = []
  const { answers } = await open((_request, response) => responses.push(response))
  client.write(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') + GET)
  await eventually(() => expect(unread + responses.length).toBeGreaterThan(0))
  responses[0]!.end('first')
  expect(statuses(await answers)).toEqual(['200'])
})

test('a request whose own body cannot be read is answered at once, though its handler waits for the body', async () => {
  const { answers } = await open((request) => request.resume().on('error', () => {}))
  client.write('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n')
  expect(statuses(await answers)).toEqual(['400'])
})
