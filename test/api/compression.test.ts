import { gunzipSync } from 'node:zlib'
import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { sendFreshCompressed } from '../../src/api/compression.ts'

const LONG = 5 * 1024 * 1024

function application(bodies: Readonly<Record<string, Buffer>>) {
  const app = Fastify()
  onTestFinished(() => app.close())
  app.get<{ Params: { name: string } }>('/:name', async (request, reply) => {
    const { name } = request.params
    return sendFreshCompressed(request, reply, 'application/pkix-crl', bodies[name]!, {
      ...{ maxAge: 60, etag: `"${name}"`, lastModified: 0, expires: 60 },
    })
  })
  return (name: string, tag?: string) =>
    app.inject({
      url: `/${name}`,
      headers: { 'accept-encoding': 'gzip', ...(tag && { 'if-none-match': tag }) },
    })
}

test('one long body is compressed at a time, and others are sent as they are meanwhile', async () => {
  const bodies = { first: Buffer.alloc(LONG, 'a'), second: Buffer.alloc(LONG, 'b') }
  const get = application(bodies)
  const [one, two, same] = await Promise.all([get('first'), get('second'), get('first')])
  for (const { headers, rawPayload } of [one, same]) {
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', etag: '"first-gzip"' })
    expect(gunzipSync(rawPayload).equals(bodies.first)).toBe(true)
  }
  expect(two.headers).toMatchObject({ etag: '"second"', vary: 'accept-encoding' })
  expect(two.headers['content-encoding']).toBeUndefined()
  expect(two.rawPayload.equals(bodies.second)).toBe(true)

  const later = await get('second')
  expect(later.headers).toMatchObject({ 'content-encoding': 'gzip', etag: '"second-gzip"' })
  expect(gunzipSync(later.rawPayload).equals(bodies.second)).toBe(true)
})

test('short bodies are compressed side by side', async () => {
  const get = application({ first: Buffer.alloc(4096, 'a'), second: Buffer.alloc(4096, 'b') })
  for (const { headers } of await Promise.all([get('first'), get('second')]))
    expect(headers['content-encoding']).toBe('gzip')
})

test('who has either form is sent none', async () => {
  const get = application({ one: Buffer.alloc(4096, 'a') })
  const answers = [await get('one', '"one"'), await get('one', '"one-gzip"')]
  expect(answers.map(({ statusCode, headers }) => [statusCode, headers.etag])).toEqual([
    [304, '"one"'],
    [304, '"one-gzip"'],
  ])
})
