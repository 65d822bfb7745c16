import { afterAll, beforeAll, expect, test } from 'vitest'
import { eventually } from '../../eventually.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const csr = csrPem(['dns:once.example.test'])
const enrol = (key: string, body: object = { csr }, as?: string) =>
  ca.call('/v1/certificates', { body, headers: { 'idempotency-key': key }, ...(as ? { as } : {}) })

test('the same key with the same request gives the same answer, and issues once', async () => {
  const first = await enrol('a')
  const count = (await ca.inventory()).length
  const issued = (await ca.audit('certificate.issue')).length
  const again = await enrol('a')
  expect(again.status).toBe(201)
  expect(again.headers.location).toBe(first.headers.location)
  expect(again.json).toEqual(first.json)
  expect((await ca.inventory()).length).toBe(count)
  expect(await ca.audit('certificate.issue')).toHaveLength(issued)
})

test('with anything else changed it is 422, and issues nothing', async () => {
  await enrol('b')
  const before = await ca.inventory()
  const others = [
    { csr: csrPem(['dns:once.example.test']) },
    { csr, profile: 'client' },
    { csr, validity: '1h' },
    { csr, notAfter: new Date(ca.now + 3_600_000).toISOString() },
    { csr, names: { dns: ['once.example.test'] } },
    { csr, authority: 'intermediate' },
  ]
  for (const other of others) expectProblem(await enrol('b', other), 422, 'idempotencyConflict', /new key/)
  expect(await ca.inventory()).toEqual(before)
})

test('another key, or another principal, is another request', async () => {
  const mine = (await enrol('c')).json.serialNumber
  expect((await enrol('d')).json.serialNumber).not.toBe(mine)
  const { token } = await ca.token({ names: { dns: ['once.example.test'] } })
  const theirs = await enrol('c', { csr }, token)
  expect(theirs.status).toBe(201)
  expect(theirs.json.serialNumber).not.toBe(mine)
})

test('at once: one certificate for all, and one of two that differ is refused', async () => {
  const same = await Promise.all(Array.from({ length: 30 }, () => enrol('e')))
  expect(new Set(same.map(({ json }) => json.serialNumber)).size).toBe(1)
  const differing = await Promise.all([enrol('f'), enrol('f', { csr: csrPem(['dns:once.example.test']) })])
  expect(differing.map(({ status }) => status).sort()).toEqual([201, 422])
})

test('after a restart, and as the certificate now stands', async () => {
  const first = await enrol('g')
  const revoke = await ca.call(`${first.headers.location}/revoke`, { body: { reason: 'superseded' } })
  expect(revoke.status).toBe(200)
  await ca.reopen()
  const again = await enrol('g')
  expect(again.json).toMatchObject({ certificate: first.json.certificate, state: 'revoked' })
})

test('a refused request leaves the key free for a better one', async () => {
  expectProblem(await enrol('h', { csr, validity: '999d' }), 403, 'validityNotAllowed')
  expect((await enrol('h')).status).toBe(201)
})

test.for(['x'.repeat(256), 'two words', '\u00e9'])('a key that is none: %s', async (key) => {
  expectProblem(await enrol(key), 400, 'malformedRequest', /visible ASCII/)
})

test('a key counts for thirty days, and is then that of a new request', async () => {
  const start = ca.now
  // By the admin key: no token lives as long.
  const first = await enrol('old')
  ca.now += 30 * DAY * 1000
  expect((await enrol('old')).headers.location).toBe(first.headers.location)
  ca.now += 1000
  const other = await enrol('old', { csr: csrPem(['dns:later.example.test']) })
  expect(other.status, other.text).toBe(201)
  expect(other.headers.location).not.toBe(first.headers.location)
  expectProblem(await enrol('old'), 422, 'idempotencyConflict')
  ca.now = start
})

test('keys that count no more are removed by themselves', async () => {
  const start = ca.now
  await enrol('swept')
  const there = () => ca.service.store.read.idempotentIssuance('admin:default', 'swept', 0)
  expect(await there()).not.toBeNull()
  ca.now += 31 * DAY * 1000
  await ca.reopen()
  await eventually(async () => expect(await there()).toBeNull())
  ca.now = start
})
