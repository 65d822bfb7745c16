import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { openapiRoute } from '../../src/api/openapi.ts'
import { TestCa } from './ca-fixture.ts'

type Responses = Record<string, { content?: Record<string, unknown> }>
const { paths } = parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')) as {
  paths: Record<string, Record<string, { responses: Responses }>>
}

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

test('every operation of the description has an answer that is no refusal, and refusals of the server too', () => {
  const answers = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(
      ([method, { responses }]) => [`${method} ${path}`, Object.keys(responses)] as const,
    ),
  )
  expect(answers.filter(([, statuses]) => !statuses.some((status) => /^[23]/.test(status)))).toEqual([])
  expect(answers.filter(([, statuses]) => !['4XX', '5XX'].every((one) => statuses.includes(one)))).toEqual([])
})

test('what the service answers has a media type that the description names, refusals and octets included', async () => {
  const ca = await TestCa.create()
  try {
    for (const [described, path, status, as] of [
      ['/v1/certificates', '/v1/certificates', 200, ca.adminKey],
      ['/v1/certificates', '/v1/certificates', 401, null],
      ['/v1/certificates', '/v1/certificates?limit=0', 400, ca.adminKey],
      ['/v1/authorities/{id}/csr', '/v1/authorities/intermediate/csr', 200, ca.adminKey],
      ['/v1/authorities/{id}/csr', '/v1/authorities/none/csr', 404, ca.adminKey],
      ['/v1/audit/export', '/v1/audit/export', 200, ca.adminKey],
      ['/crl/{authority}.crl', '/crl/intermediate.crl', 200, null],
      ['/crl/{authority}.pem', '/crl/intermediate.pem', 200, null],
      ['/crl/{authority}.crl', '/crl/none.crl', 404, null],
      ['/ca/{authority}.crt', '/ca/intermediate.crt', 200, null],
      ...['pem', 'der', 'p7b', 'p12', 'json', 'jwks'].map(
        (format) => ['/bundles/{file}', `/bundles/roots.${format}`, 200, null] as const,
      ),
      ['/.well-known/est/cacerts', '/.well-known/est/cacerts', 200, null],
      ['/.well-known/est/csrattrs', '/.well-known/est/csrattrs', 200, null],
      ['/.well-known/est/{label}/cacerts', '/.well-known/est/none/cacerts', 404, null],
    ] as const) {
      const answer = await ca.call(path, { as })
      expect([path, answer.status]).toEqual([path, status])
      const { responses } = paths[described]!.get!
      const content = (responses[status] ?? responses[`${Math.floor(status / 100)}XX`])?.content
      expect(Object.keys(content ?? {}), path).toContain(String(answer.headers['content-type']).split(';')[0])
    }
  } finally {
    await ca.close()
  }
})
