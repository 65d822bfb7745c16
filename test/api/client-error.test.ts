import { once } from 'node:events'
import { createServer, type RequestListener, type ServerResponse } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import { answerClientError } from '../../src/api/client-error.ts'
import { eventually } from '../eventually.ts'

const GET = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
/** No method is called so. */
const GARBAGE = '{"}\r\n\r\n'

/** How often something could not be read. */
let unread: number

/** Gives what comes on a connection up to its end. */
async function open(listener: RequestListener): Promise<{ client: Socket; answers: Promise<string> }> {
  unread = 0
  const server = createServer(listener)
  server.on('clientError', answerClientError)
  server.on('clientError', () => {
    unread++
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  onTestFinished(() => {
    client.destroy()
    server.close()
  })
  return { client, answers: text(client) }
}

const statuses = (answers: string) => [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => status)

test('what cannot be read is answered behind the requests that came before it', async () => {
  const responses: ServerResponse[] = []
  const { client, answers } = await open((_request, response) => responses.push(response))
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
  const { client, answers } = await open((_request, response) => {
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
  const { client, answers } = await open((_request, response) => responses.push(response))
  client.write(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n') + GET)
  await eventually(() => expect(unread + responses.length).toBeGreaterThan(0))
  responses[0]!.end('first')
  expect(statuses(await answers)).toEqual(['200'])
})

test('a request whose own body cannot be read is answered at once, though its handler waits for the body', async () => {
  const { client, answers } = await open((request) => request.resume().on('error', () => {}))
  client.write('POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nnone\r\n')
  expect(statuses(await answers)).toEqual(['400'])
})

// No client of Node's sends such a certificate.
test('a client certificate that OpenSSL cannot read is told so, and not that this was no HTTP', () => {
  const socket = new PassThrough()
  socket.on('error', () => {})
  const error = Object.assign(new Error('invalid certificate'), { code: 'ERR_SSL_INVALID_CERTIFICATE' })
  answerClientError(error, socket as never)
  const answer = String(socket.read())
  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\n/)
  expect(answer).toContain('"detail":"The client certificate has an extension that OpenSSL cannot read')
})
