import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { openapiRoute } from '../../src/api/openapi.ts'

test('all who ask for the description are sent one copy of it, which slow readers then share', async () => {
  const app = Fastify()
  const sent: unknown[] = []
  app.addHook('onSend', async (_request, _reply, payload) => void sent.push(payload))
  await app.register(openapiRoute)
  const [first, second] = [await app.inject('/openapi.yaml'), await app.inject('/openapi.yaml')]
  expect(first.body).toContain('openapi: 3')
  expect(second.body).toBe(first.body)
  expect(sent[1]).toBe(sent[0])
  await app.close()
})
