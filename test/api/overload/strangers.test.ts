import Fastify from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Admission } from '../../../src/api/overload/admission.ts'

const WAITING = 4
/** As many as work at once, and as many as wait behind them. */
const FLOOD = 128 + WAITING + 1

const app = () => {
  const limits = { waiting: FLOOD, patience: 1000 }
  const log = { warn() {}, error() {}, info() {} }
  const made = Fastify()
  new Admission({ limits, clock: () => new Date(0), log: log as never, refused: () => {} }).guard(made, {
    connections: 10,
  })
  const never = () => new Promise(() => {})
  made.setNotFoundHandler(never)
  made.post('/acme/revoke-cert', never)
  made.post('/v1/certificates/revoke', async () => 'revoked')
  made.post('/v1/certificates/:serial/revoke', async () => 'revoked')
  return made
}
let service: ReturnType<typeof app>
beforeEach(() => {
  service = app()
})
afterEach(() => service.close())

test.each([
  ['POST', '/acme/revoke-cert'],
  ['POST', '/nowhere/revoke'],
  ['PUT', '/v1/certificates/1/revoke'],
] as const)('whoever floods %s %s, known to nobody, keeps no operator from revoking', async (method, url) => {
  for (let i = 0; i < 2 * FLOOD; i++) service.inject({ method, url }).catch(() => {})
  const answers = await Promise.all(
    ['/v1/certificates/revoke', '/v1/certificates/0a1b/revoke?x=y'].map((path) =>
      service.inject({ method: 'POST', url: path }),
    ),
  )
  expect(answers.map(({ statusCode, body }) => [statusCode, body])).toEqual([
    [200, 'revoked'],
    [200, 'revoked'],
  ])
})
