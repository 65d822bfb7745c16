import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

test('what stands in the query of a revocation is refused, and revokes nothing for good', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:held.example.test']))
  const path = `/v1/certificates/${serialNumber}`
  const answer = await ca.call(`${path}/revoke?reason=certificateHold`, { method: 'POST' })
  expectProblem(answer, 400, 'malformedRequest', /^querystring has "reason", which is not known here/)
  expect((await ca.call(path)).json.state).toBe('valid')
})

test.for([
  ['GET', '/v1/admin-keys?state=revoked'],
  ['GET', '/v1/authorities?limit=1'],
  ['GET', '/v1/authorities/intermediate?after=1'],
  ['GET', '/v1/profiles?name=server'],
  ['DELETE', '/v1/tokens/1?dryRun=true'],
  ['POST', '/v1/requests/1/approve?validity=1h'],
] as const)('a query is refused where none is known: %s %s', async ([method, url]) => {
  expectProblem(await ca.call(url, { method }), 400, 'malformedRequest', /^querystring has "/)
})

test('who may not ask at all hears that first', async () => {
  expectProblem(await ca.call('/v1/admin-keys?state=revoked', { as: null }), 401, 'unauthenticated')
})

test.for([
  ['DELETE', '/v1/tokens/x', 'The id must be a number of at most 15 digits, such as 12.'],
  ['GET', '/v1/requests/0x1', 'The id must be a number of at most 15 digits, such as 12.'],
  ['GET', '/v1/tokens?limit=all', 'querystring/limit must be a number of at most 4 digits, such as 12.'],
  [
    'GET',
    '/v1/audit?from=2027-01-31',
    'querystring/from must be a time of RFC 3339, such as 2027-01-31T12:00:00Z.',
  ],
] as const)(
  'a number and a time are asked for in words, not by pattern and format: %s %s',
  async ([method, url, detail]) => {
    const answer = await ca.call(url, { method })
    expectProblem(answer, 400, 'malformedRequest')
    expect(answer.json.detail).toBe(detail)
  },
)
