import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { stapleRequest } from '../../src/ocsp/staple.ts'
import { TestCa } from './ca-fixture.ts'
import { csrPem } from './requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({ options: { acme: { externalAccountRequired: true } } })
  await ca.http.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => ca.close())

interface Line {
  readonly reqId: string
  readonly method: string
  readonly path: string
  readonly status: number
  readonly ms: number
  readonly address: string
}

/** What is said of requests while the work is done: one line each, whatever else is logged. */
async function lines(work: () => Promise<unknown>): Promise<Line[]> {
  const before = ca.log.length
  await work()
  return ca.log
    .slice(before)
    .map((line) => JSON.parse(line))
    .filter(({ msg }) => msg === 'request')
}

const short = ({ method, path, status }: Line) => `${method} ${path} ${status}`

describe('one line a request, with an id of its own', () => {
  test('whatever the answer, and wherever it comes from', async () => {
    const found = await lines(async () => {
      await ca.enrol(csrPem(['dns:a.example.test']))
      await ca.call('/v1/certificates', { as: 'nobody' })
      await ca.call('/nowhere', { as: null })
      await ca.call('/v1/certificates', { body: '{', headers: { 'content-type': 'application/json' } })
      await ca.call('/v1/certificates', {
        body: 'x'.repeat(200_000),
        headers: { 'content-type': 'text/plain' },
      })
      await ca.call('/acme/new-account', {
        as: null,
        body: '{}',
        headers: { 'content-type': 'application/jose+json' },
      })
      await ca.call('/.well-known/est/cacerts', { as: null })
      await ca.call('/ocsp/%zz', { as: null }, ca.http)
      await ca.call('/crl/%zz', { as: null })
      await ca.call('/metrics')
    })
    expect(found.map(short)).toEqual([
      'POST /v1/certificates 201',
      'GET /v1/certificates 401',
      'GET /nowhere 404',
      'POST /v1/certificates 400',
      'POST /v1/certificates 413',
      'POST /acme/new-account 400',
      'GET /.well-known/est/cacerts 200',
      'GET /ocsp/%zz 200',
      'GET /crl/%zz 400',
      'GET /metrics 200',
    ])
    expect(new Set(found.map(({ reqId }) => reqId)).size).toBe(found.length)
    for (const line of found)
      expect(line).toMatchObject({ reqId: expect.any(String), ms: expect.any(Number) })
  })

  test('the one that the problem document and the audit log have', async () => {
    let instance = ''
    const [line] = await lines(async () => {
      instance = (await ca.call('/v1/certificates', { body: { csr: 'nothing' } })).json.instance
    })
    expect(instance).toBe(`urn:chancery:request:${line!.reqId}`)
    expect((await ca.audit('certificate.refuse'))[0]!.requestId).toBe(line!.reqId)
  })

  test('OCSP that is answered before the framework sees it', async () => {
    const { serialNumber } = await ca.enrol(csrPem(['dns:b.example.test']))
    const der = stapleRequest(ca.service.authorities.issuing(), serialNumber)
    const { port } = ca.http.server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}/ocsp/${encodeURIComponent(der.toString('base64'))}`
    const found = await lines(async () => {
      for (let i = 0; i < 3; i++) await (await fetch(url)).arrayBuffer()
    })
    const known = [...ca.service.ocsp.counts.tally.all()].find(({ labels }) => labels.cache === 'at_once')
    expect(known!.figure.count).toBe(2)
    expect(found).toHaveLength(3)
    expect(new Set(found.map(({ reqId }) => reqId)).size).toBe(3)
    for (const line of found) expect(line).toMatchObject({ method: 'GET', status: 200, address: '127.0.0.1' })
  })

  test('of a client that goes away before it has sent all', async () => {
    const { port } = ca.http.server.address() as AddressInfo
    const found = await lines(async () => {
      const socket = connect(port, '127.0.0.1')
      await once(socket, 'connect')
      socket.write('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n')
      await once(socket, 'data')
      socket.destroy()
    })
    expect(found.map(short)).toEqual(['GET /healthz 200'])
  })
})

test('no line has a secret, wherever in the request it stands', async () => {
  const secret = 'a-very-secret-thing-0123456789'
  const basic = Buffer.from(`router:${secret}`).toString('base64')
  const before = ca.log.length
  const body = JSON.stringify({ password: secret, csr: secret, [secret]: 1 })
  const json = { 'content-type': 'application/json' }
  for (const app of [ca.tls, ca.http]) {
    for (const path of [
      `/v1/certificates?token=${secret}`,
      `/metrics?key=${secret}`,
      `/nowhere?password=${secret}`,
      `/ocsp/?${secret}`,
      `/.well-known/est/simpleenroll?${secret}`,
      `/acme/new-account?${secret}`,
      `/v1/est/users?${secret}`,
    ]) {
      await ca.call(path, { as: secret }, app)
      await ca.call(path, { as: null, headers: { authorization: `Basic ${basic}`, cookie: secret } }, app)
      await ca.call(path, { as: secret, body, headers: { ...json, 'idempotency-key': secret } }, app)
      await ca.call(path, { body: `${body}{`, headers: json }, app)
      await ca.call(path, { body, headers: { 'content-type': `text/${secret}` } }, app)
    }
  }
  // Secrets that the service itself makes and gives, each once.
  const given = [
    (await ca.call('/v1/acme/eab-keys', { body: {} })).json.hmacKey,
    (await ca.call('/v1/est/users', { body: { name: 'router' } })).json.password,
    (await ca.token({ names: { dns: ['c.example.test'] } })).token,
  ]
  const log = ca.log.slice(before).join('')
  expect(ca.log.length - before).toBeGreaterThan(70)
  for (const one of [secret, basic, ca.adminKey, ...given]) {
    expect(one).toMatch(/^\S{16,}$/)
    expect(log).not.toContain(one)
  }
})
