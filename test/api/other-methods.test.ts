import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem, TestCa } from './ca-fixture.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

test.each([
  ['DELETE', '/v1/profiles', 'GET, HEAD'],
  ['OPTIONS', '/v1/profiles?x=1', 'GET, HEAD'],
  ['PATCH', '/v1/certificates', 'GET, HEAD, POST'],
  ['GET', '/v1/certificates/40ab/revoke', 'POST'],
  ['HEAD', '/v1/certificates/40ab/renew', 'POST'],
  ['POST', '/v1/session/oidc/callback', 'GET, HEAD'],
  ['PUT', '/v1/authorities/intermediate', 'GET, HEAD, PATCH'],
  ['POST', '/v1/authorities/intermediate/crl', 'PUT'],
  // A serial number is asked for by GET, though none reads so.
  ['PUT', '/v1/certificates/revoke', 'GET, HEAD, POST'],
  ['DELETE', '/crl/intermediate.crl', 'GET, HEAD'],
  ['POST', '/crl/intermediate/7.crl', 'GET, HEAD'],
  ['POST', '/ca/intermediate.crt?x=1', 'GET, HEAD'],
  ['POST', '/healthz', 'GET, HEAD'],
  ['DELETE', '/metrics', 'GET, HEAD'],
  ['GET', '/v3/discovery:secrets', 'POST'],
] as const)('%s of %s: strangers too hear what it takes', async (method, path, allowed) => {
  const body = method === 'GET' || method === 'HEAD' ? {} : { body: 'not looked at' }
  const answer = await ca.call(path, { as: null, method, ...body })
  expect([answer.status, answer.headers.allow]).toEqual([405, allowed])
  if (method !== 'HEAD') expectProblem(answer, 405, 'methodNotAllowed', new RegExp(`takes ${allowed} alone`))
})

test.each(['/v1/nothing', '/v1/certificates/40ab/nothing', '/v1/', '/v1', '/acme', '/crl/intermediate', '/'])(
  'at %s there is nothing, by whatever method',
  async (path) => {
    for (const method of ['GET', 'POST', 'DELETE'] as const)
      expectProblem(await ca.call(path, { as: null, method }), 404, 'notFound')
  },
)

test('ACME says it in its own words', async () => {
  const { status, headers, json } = await ca.call('/acme/order/1', { as: null, method: 'DELETE' })
  expect([status, headers.allow, json.type]).toEqual([405, 'POST', 'urn:ietf:params:acme:error:malformed'])
  expect((await ca.call('/acme/directory', { as: null, method: 'PUT' })).headers.allow).toBe(
    'GET, HEAD, POST',
  )
})
