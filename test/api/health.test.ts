import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { buildHttpApp } from '../../src/app.ts'
import { rfc3339 } from '../../src/clock.ts'
import type { Service } from '../../src/service.ts'
import { DAY, expectProblem, TestCa } from './ca-fixture.ts'
import { csrPem } from './requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const get = (path: string, app = ca.http) => ca.call(path, { as: null }, app)
const failing = (answer: Awaited<ReturnType<typeof get>>) =>
  answer.json.checks.filter(({ ok }: { ok: boolean }) => !ok)

/** As `/readyz` has it. */
const until = (authority: string) => rfc3339(ca.service.crl.current(authority)!.nextUpdate)

/** The same service with something broken in it. */
function broken(changes: Partial<Service>) {
  const service = Object.assign(Object.create(ca.service) as Service, changes)
  return buildHttpApp(service, ca.logger)
}

test('all is well', async () => {
  expect((await get('/healthz')).json).toEqual({ status: 'ok' })
  const answer = await get('/readyz')
  expect(answer.status).toBe(200)
  expect(answer.headers['cache-control']).toBe('no-store')
  expect(answer.json).toEqual({
    status: 'ready',
    checks: [
      { name: 'store', ok: true, reason: null },
      { name: 'authority', ok: true, reason: null, until: expect.stringMatching(/^20\d\d-/) },
      { name: 'crl:intermediate', ok: true, reason: null, until: until('intermediate') },
      { name: 'crl:root', ok: true, reason: null, until: until('root') },
      { name: 'acme', ok: true, reason: null },
    ],
  })
})

describe('not ready', () => {
  test('when a CRL has expired, until there is a new one', async () => {
    const before = ca.now
    ca.now += 7 * DAY * 1000
    const answer = await get('/readyz')
    expect(answer.status).toBe(503)
    expect(answer.json.status).toBe('not ready')
    const lapsed = { name: 'crl:intermediate', ok: false, reason: 'Its CRL has expired.' }
    expect(failing(answer)).toEqual([{ ...lapsed, until: until('intermediate') }])
    // The process is alive all the same: a restart would not help.
    expect((await get('/healthz')).status).toBe(200)
    await ca.service.crl.publish('intermediate')
    expect((await get('/readyz')).status).toBe(200)
    ca.now = before
    await ca.service.crl.publish('intermediate')
  })

  test('when the authority’s certificate has expired', async () => {
    const before = ca.now
    ca.now = ca.service.authorities.issuing().certificate.notAfter * 1000 + 1000
    const answer = await get('/readyz')
    expect(answer.status).toBe(503)
    expect(failing(answer)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: 'authority', reason: expect.stringContaining('has expired') }),
      ]),
    )
    ca.now = before
  })

  test('when the authority’s certificate is not valid yet, by a clock that was set back', async () => {
    const before = ca.now
    ca.now = ca.service.authorities.issuing().certificate.notBefore * 1000 - 1000
    const answer = await get('/readyz')
    expect(answer.status).toBe(503)
    expect(failing(answer)).toEqual([
      expect.objectContaining({ name: 'authority', reason: expect.stringContaining('set the clock') }),
    ])
    ca.now = before
  })

  test('when the store cannot be written', async () => {
    const { store } = ca.service
    Object.defineProperty(store, 'healthy', { value: false, configurable: true })
    try {
      const answer = await get('/readyz')
      expect(answer.status).toBe(503)
      expect(failing(answer)).toEqual([
        { name: 'store', ok: false, reason: 'The database cannot be written or read.' },
      ])
    } finally {
      Object.defineProperty(store, 'healthy', { value: true, configurable: true })
    }
  })

  test('without an authority that can issue', async () => {
    const health = () => [
      { name: 'authority', ok: false, reason: 'No authority can issue yet: install its signed certificate.' },
    ]
    const app = broken({ health })
    expect((await get('/readyz', app)).status).toBe(503)
    await app.close()
  })
})

test('the plain listener takes no secrets: nothing of REST is there', async () => {
  for (const path of ['/v1/certificates', '/v1/tokens', '/v1/audit', '/v1/authorities', '/v1/profiles']) {
    expectProblem(await ca.call(path, {}, ca.http), 404, 'notFound')
  }
  expectProblem(
    await ca.call('/v1/certificates', { body: { csr: csrPem(['dns:a.test']) } }, ca.http),
    404,
    'notFound',
  )
})
