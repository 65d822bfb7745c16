import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { answerClientError } from '../../src/api/client-error.ts'
import { openapiRoute } from '../../src/api/openapi.ts'
import { TestCa } from './ca-fixture.ts'
import { csrPem } from './requests.ts'

type Content = Record<string, { schema: { format?: string } }>
type Responses = Record<string, { content?: Content; headers?: object }>
interface Operation {
  readonly operationId: string
  readonly security: readonly object[]
  readonly parameters?: readonly { in: string; name: string; required: boolean }[]
  readonly requestBody?: { required: boolean; content: Content }
  readonly responses: Responses
}
const description = parse(readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')) as {
  paths: Record<string, Record<string, Operation>>
  components: { schemas: { problem: { required: string[] } } }
}
const { paths } = description

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

test('credentials are described where they are asked for, and those that count', async () => {
  const ca = await TestCa.create()
  try {
    const schemes = (path: string) => paths[path]!.get!.security.flatMap((one) => Object.keys(one))
    for (const path of Object.keys(paths).filter((one) => paths[one]!.get && !one.includes('{'))) {
      const app = path.startsWith('/v1/') ? ca.tls : ca.http
      const status = async (as: string | null) => (await ca.call(path, { method: 'GET', as }, app)).status
      expect([path, (await status(null)) === 401]).toEqual([path, schemes(path).length > 0])
      const isTaken = schemes(path).length === 0 || schemes(path).includes('bearer')
      expect([path, (await status(ca.adminKey)) !== 401]).toEqual([path, isTaken])
    }
  } finally {
    await ca.close()
  }
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

test('generators get names without what an address matches by, a choice of texts as one enum, and none of booleans', () => {
  const names = Object.values(paths).flatMap((one) => Object.values(one).map((it) => it.operationId))
  expect(names.filter((name) => /[0-9]/.test(name.replace('V1', '').replace('V3', '')))).toEqual([])
  expect(new Set(names).size).toBe(names.length)
  const single: unknown[] = []
  JSON.stringify(description, (key, value) => {
    if (key === 'anyOf' && value.every((one: object) => 'enum' in one)) single.push(value)
    // Java's generator writes the values of one as texts.
    if (value?.type === 'boolean' && 'enum' in value) single.push(value)
    return value
  })
  expect(single).toEqual([])
})

test('what is sent and answered has a type, octets as well: generators take what has none for text or JSON', () => {
  const contents = Object.entries(paths).flatMap(([path, operations]) =>
    Object.entries(operations).flatMap(([method, { requestBody, responses }]) =>
      [requestBody, ...Object.values(responses)].flatMap((one) =>
        Object.entries(one?.content ?? {}).map(([type, { schema }]) => ({
          at: `${method} ${path}`,
          type,
          schema,
        })),
      ),
    ),
  )
  const untyped = contents.filter(({ schema }) => !('type' in schema) && !('$ref' in schema))
  expect(untyped).toEqual([])
  const octets = contents.filter(({ schema }) => schema.format === 'binary').map(({ type }) => type)
  expect(octets).toEqual(expect.arrayContaining(['application/ocsp-response', 'application/pkix-crl']))
})

test('the description has JSON without a schema of its own as an object with anything in it, and says where Retry-After stands', () => {
  const { content } = paths['/bundles/{file}']!.get!.responses['200']!
  expect(content!['application/json']!.schema).toEqual({ type: 'object', additionalProperties: true })
  const { responses } = paths['/v1/certificates']!.post!
  expect(Object.keys(responses['202']!.headers ?? {})).toEqual(['Location', 'Retry-After'])
  for (const refusal of ['4XX', '5XX'])
    expect(Object.keys(responses[refusal]!.headers ?? {})).toEqual(['Retry-After'])
})

test('the description has the Idempotency-Key where it counts, and no body as required that may be left out', async () => {
  const post = (path: string) => paths[path]!.post!
  for (const path of ['/v1/certificates', '/v1/certificates/{serial}/renew']) {
    expect(post(path).parameters).toContainEqual(
      expect.objectContaining({ in: 'header', name: 'Idempotency-Key', required: false }),
    )
  }
  const ca = await TestCa.create()
  try {
    const { serialNumber } = await ca.enrol(csrPem(['dns:web.example.test']))
    const revoked = await ca.call(`/v1/certificates/${serialNumber}/revoke`, {
      method: 'POST',
      as: ca.adminKey,
    })
    expect(revoked.status).toBe(200)
    const key = await ca.call('/v1/admin-keys/1/rotate', { method: 'POST', as: ca.adminKey })
    expect(key.status).toBe(200)
  } finally {
    await ca.close()
  }
  for (const path of [
    '/v1/certificates/{serial}/renew',
    '/v1/certificates/{serial}/revoke',
    '/v1/requests/{id}/approve',
    '/v1/admin-keys/{id}/rotate',
  ]) {
    expect([path, post(path).requestBody?.required ?? false]).toEqual([path, false])
  }
  expect(post('/v1/certificates').requestBody?.required).toBe(true)
})

test('the description asks of a problem document what every one has: that of a head which is too long has no instance', () => {
  const sent: string[] = []
  const socket = { destroyed: false, writable: true, end: (text: string) => void sent.push(text) }
  const tooLong = Object.assign(new Error('too long'), { code: 'HPE_HEADER_OVERFLOW' })
  answerClientError(tooLong, socket as unknown as Socket)
  const problem = JSON.parse(sent.join('').split('\r\n\r\n')[1]!)
  const { required } = description.components.schemas.problem
  expect(problem).toMatchObject({ status: 431 })
  expect(Object.keys(problem)).toEqual(expect.arrayContaining(required))
})
