import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem } from '../ca-fixture.ts'
import { csrDer, newKey } from '../requests.ts'
import { EstCa } from './est-ca.ts'
import { certificatesOf } from './messages.ts'

const NAMES = ['dns:pump.example.test']

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    profiles: { slow: { extends: 'server', approval: 'enrol' } },
    est: { names: ['example.test'], profile: 'slow', labels: { fast: { profile: 'client' } } },
    approvals: { retryAfter: '90s' },
  })
})
afterAll(() => est.close())

const decide = (id: string, how: 'approve' | 'refuse', body: object = {}) =>
  est.ca.call(`/v1/requests/${id}/${how}`, { body })

async function waiting(call: Parameters<EstCa['ask']>[0]): Promise<string> {
  const before = await est.ca.inventory()
  const { status, headers, text } = await est.ask(call)
  expect(status, text).toBe(202)
  expect(headers['retry-after']).toBe('90')
  expect(await est.ca.inventory()).toEqual(before)
  expect(text).toBe('')
  return String(headers['chancery-request'])
}

test('202 with Retry-After until an admin approves, then the certificate for the same key', async () => {
  const user = await est.user()
  const key = newKey()
  const id = await waiting({ csr: csrDer(NAMES, { key }), user })
  expect(await waiting({ csr: csrDer(NAMES, { key }), user })).toBe(id)
  expect((await decide(id, 'approve')).status).toBe(201)
  const { status, body } = await est.ask({ csr: csrDer(NAMES, { key }), user })
  expect(status).toBe(200)
  const [leaf] = certificatesOf(body)
  expect(leaf!.checkPrivateKey(key)).toBe(true)
  const [row] = await est.ca.certificates()
  expect(row!.principal).toBe(`est:${user[0]}`)
})

test('the refusal, with its reason', async () => {
  const user = await est.user()
  const csr = csrDer(NAMES)
  const id = await waiting({ csr, user })
  expect((await decide(id, 'refuse', { reason: 'Unknown pump' })).status).toBe(200)
  const { status, text } = await est.refused({ csr, user })
  expect(status).toBe(403)
  expect(text).toContain('Unknown pump')
})

test('a token, and the holder of a certificate who wants another, wait as well', async () => {
  const { token } = await est.ca.token({ names: NAMES, profile: 'slow' })
  const key = newKey()
  const call = { csr: csrDer(NAMES, { key }), user: ['x', token] as const }
  const id = await waiting(call)
  expect((await decide(id, 'approve')).status).toBe(201)
  expect((await est.ask(call)).status).toBe(200)

  const { identity, serialNumber } = await est.holder(NAMES)
  const next = { csr: csrDer(NAMES, { key }), identity }
  const second = await waiting(next)
  expect((await decide(second, 'approve')).status).toBe(201)
  expect((await est.ask(next)).status).toBe(200)
  const [row] = await est.ca.certificates()
  expect(row!.principal).toBe(`certificate:${serialNumber}`)
})

test('nothing is approved for a user, or the holder of a certificate, that was revoked meanwhile', async () => {
  const user = await est.user()
  const byPassword = await waiting({ csr: csrDer(NAMES), user })
  await est.ca.call(`/v1/est/users/${user[0]}`, { method: 'DELETE' })
  expectProblem(await decide(byPassword, 'approve'), 403, 'forbidden')

  const { identity, serialNumber } = await est.holder(NAMES)
  const byCertificate = await waiting({ csr: csrDer(NAMES), identity })
  await est.ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
  expectProblem(await decide(byCertificate, 'approve'), 403, 'certificateRevoked')
})

test('what waits or was refused at one label says nothing at another, which has another profile', async () => {
  const user = await est.user()
  const csr = csrDer(NAMES)
  const id = await waiting({ csr, user })
  await est.enrolled({ at: 'fast/simpleenroll', csr, user })
  const [row] = await est.ca.certificates()
  expect(row!.profile).toBe('client')
  expect((await decide(id, 'refuse', { reason: 'Unknown pump' })).status).toBe(200)
  await est.enrolled({ at: 'fast/simpleenroll', csr, user })
})
