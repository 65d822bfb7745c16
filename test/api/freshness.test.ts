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
