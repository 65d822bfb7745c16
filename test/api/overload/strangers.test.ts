import Fastify from 'fastify'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Admission } from '../../../src/api/overload/admission.ts'

const WAITING = 4
/** As many as work at once, and as many as wait behind them. */
const FLOOD = 128 + WAITING + 1

const app = ({ waiting = FLOOD, connections = 10 } = {}) => {
  const limits = { waiting, patience: 1000 }
  const log = { warn() {}, error() {}, info() {} } as never
  const made = Fastify()
  const nonce = () => 'fresh'
  new Admission({ limits, clock: () => new Date(0), log, refused: () => {}, nonce }).guard(made, {
    connections,
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

test.each([
  ['/acme/revoke-cert', 'fresh', 'urn:ietf:params:acme:error:serverInternal'],
  ['/v1/certificates', null, 'urn:chancery:problem:overloaded'],
])('what is too much at %s is refused in the words of its protocol', async (path, nonce, type) => {
  const small = app({ waiting: 1, connections: 1000 })
  const address = await small.listen({ host: '127.0.0.1', port: 0 })
  const stop = new AbortController()
  const asked = Array.from({ length: FLOOD + 32 }, () =>
    fetch(`${address}${path}`, { method: 'POST', signal: stop.signal }),
  )
  const refused = await Promise.any(asked)
  expect([refused.status, refused.headers.get('replay-nonce')]).toEqual([503, nonce])
  expect(refused.headers.get('retry-after')).toMatch(/^\d+$/)
  expect(await refused.json()).toMatchObject({ type, status: 503 })
  stop.abort()
  await Promise.allSettled(asked)
  await small.close()
})
