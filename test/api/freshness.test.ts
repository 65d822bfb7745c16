import { once } from 'node:events'
import { get, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { sendFresh } from '../../src/api/freshness.ts'

test('a long body comes whole, with its length, and a HEAD tells that length', async () => {
  const body = Buffer.from(Array.from({ length: 3_000_001 }, (_, i) => i % 251))
  const app = Fastify()
  app.get('/long', async (request, reply) =>
    sendFresh(request, reply, 'application/pkix-crl', body, {
      ...{ maxAge: 60, etag: '"one"', lastModified: 0, expires: 60 },
    }),
  )
  const got = await app.inject('/long')
  expect(got.rawPayload.equals(body)).toBe(true)
  expect(got.headers).toMatchObject({ 'content-length': '3000001', 'content-type': 'application/pkix-crl' })
  expect(got.headers['transfer-encoding']).toBeUndefined()
  const head = await app.inject({ method: 'HEAD', url: '/long' })
  expect([head.statusCode, head.headers['content-length']]).toEqual([200, '3000001'])
  const known = await app.inject({ url: '/long', headers: { 'if-none-match': '"one"' } })
  expect([known.statusCode, known.rawPayload.length]).toEqual([304, 0])
  await app.close()
})

test('over TLS, which copies all that it is given, shorter bodies too are given bit by bit', async () => {
  const body = Buffer.alloc(300_000, 'x')
  const app = Fastify()
  const sent: unknown[] = []
  app.addHook('onRequest', async ({ raw }) => {
    if (raw.url === '/secured') Object.assign(raw.socket, { encrypted: true })
  })
  app.addHook('onSend', async (_request, _reply, payload) => void sent.push(payload))
  for (const path of ['/plain', '/secured'])
    app.get(path, async (request, reply) =>
      sendFresh(request, reply, 'application/pkix-crl', body, {
        ...{ maxAge: 60, etag: '"one"', lastModified: 0, expires: 60 },
      }),
    )
  const answers = [await app.inject('/plain'), await app.inject('/secured')]
  for (const { rawPayload, headers } of answers) {
    expect(rawPayload.equals(body)).toBe(true)
    expect(headers['content-length']).toBe('300000')
  }
  expect(sent).toEqual([body, expect.any(Readable)])
  await app.close()
})

test('who reads slowly what was overtaken is cut off once that holds too much memory, and nobody else is', async () => {
  const app = Fastify()
  let current = ''
  app.get<{ Params: { name: string } }>('/:name', async (request, reply) => {
    const { name } = request.params
    if (name !== 'another') current = name
    return sendFresh(request, reply, 'application/pkix-crl', Buffer.alloc(64 * 1024 * 1024), {
      ...{ maxAge: 60, etag: `"${name}"`, lastModified: 0, expires: 60 },
      ...(name !== 'another' && { isCurrent: () => current === name }),
    })
  })
  const url = await app.listen({ host: '127.0.0.1', port: 0 })
  const readers: { name: string; answer: IncomingMessage }[] = []
  for (const name of ['another', '1', '2', '3', '4', '5', '6', '7']) {
    const [answer] = (await once(get(`${url}/${name}`), 'response')) as [IncomingMessage]
    answer.on('error', () => {})
    readers.push({ name, answer })
  }
  const whole = await Promise.all(
    readers
      .map(async ({ name, answer }) => {
        for await (const _ of answer.iterator());
        return [name, answer.complete]
      })
      .map((one, n) => one.catch(() => [readers[n]!.name, false])),
  )
  // When the seventh was begun, six had been overtaken, of which four fit.
  const cut = ['1', '2']
  expect(whole).toEqual(readers.map(({ name }) => [name, !cut.includes(name)]))
  await app.close()
})
