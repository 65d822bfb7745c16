import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem, type Identity, keyPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      acme: { enabled: false },
      admins: [{ san: 'dns:operator.example.test', profile: 'strict', role: 'operator' }],
      approvals: { pendingPerCaller: 3 },
      profiles: { server: { approval: 'enrol' }, strict: { extends: 'server', approval: 'always' } },
    },
  })
  await ca.listen()
})
afterAll(() => ca.close())

const NAMES = ['dns:a.example.test', 'dns:b.example.test']
const approve = (id: number, body: object = {}) => ca.call(`/v1/requests/${id}/approve`, { body })

const key = newKey()
const enrolled = async (profile: string): Promise<Identity & { serialNumber: string }> => {
  const { certificate, chain, serialNumber } = await ca.enrol(csrPem(NAMES, { key }), { profile })
  return { key: keyPem(key), certificate: [certificate, ...chain].join(''), serialNumber }
}
const renew = (identity: Identity & { serialNumber: string }, body?: object) =>
  ca.send(`/v1/certificates/${identity.serialNumber}/renew`, { identity, ...(body ? { body } : {}) })

test('renewals pass where only new certificates need approval', async () => {
  expect((await renew(await enrolled('server'))).status).toBe(201)
})

test('renewals wait where all do: with the key that the handshake proved', async () => {
  const identity = await enrolled('strict')
  const waiting = await renew(identity)
  expect(waiting.status, waiting.text).toBe(202)
  expect((await renew(identity)).json.id).toBe(waiting.json.id)
  expectProblem(await approve(waiting.json.id, { names: ['a.example.test'] }), 403, 'nameNotAllowed')
  const issued = await approve(waiting.json.id, { validity: '1d' })
  expect(issued.json, issued.text).toMatchObject({
    replaces: identity.serialNumber,
    principal: `certificate:${identity.serialNumber}`,
  })
  expect((await ca.audit('certificate.renew'))[0]).toMatchObject({ actor: 'admin:default' })
  expect((await renew(identity)).json.serialNumber).toBe(issued.json.serialNumber)
  // Another key is another request.
  const other = csrPem(NAMES)
  expect((await renew(identity, { csr: other })).status).toBe(202)
})

test('an operator does not approve the renewal of the certificate that makes one', async () => {
  const made = await ca.enrol(csrPem(['dns:operator.example.test'], { key }), { profile: 'strict' })
  const identity = { key: keyPem(key), certificate: made.certificate, serialNumber: made.serialNumber }
  const { id } = (await renew(identity)).json
  const approveAs = (body = {}) => ca.send(`/v1/requests/${id}/approve`, { identity, body })
  expectProblem(await approveAs(), 403, 'forbidden', /somebody else/i)
  // Nor by what he has of before or after a renewal, or beside it for the name to which the role belongs.
  for (const names of [['dns:operator.example.test'], ['dns:operator.example.test', 'dns:b.example.test']]) {
    const again = await ca.enrol(csrPem(names, { key }), { profile: 'strict' })
    const second = { key: keyPem(key), certificate: again.certificate }
    expectProblem(
      await ca.send(`/v1/requests/${id}/approve`, { identity: second, body: {} }),
      403,
      'forbidden',
      /somebody else/i,
    )
  }
  expect((await approve(id)).status).toBe(201)
  const others = await renew(await enrolled('strict'))
  const other = await ca.send(`/v1/requests/${others.json.id}/approve`, { identity, body: {} })
  expect(other.status, other.text).toBe(201)
})

test('nor what asks for a name of that certificate, whoever asks: it would be the next one of his', async () => {
  const name = 'operator.example.test'
  const { certificate } = await ca.enrol(csrPem([`dns:${name}`], { key }), { profile: 'strict' })
  const identity = { key: keyPem(key), certificate }
  const { token } = await ca.token({ profile: 'strict', names: { dns: [name, 'b.example.test'] } })
  const body = { csr: csrPem([`dns:${name}`, 'dns:b.example.test']) }
  const { id } = (await ca.call('/v1/certificates', { as: token, body })).json
  expectProblem(
    await ca.send(`/v1/requests/${id}/approve`, { identity, body: {} }),
    403,
    'forbidden',
    /somebody else/i,
  )
  expect((await approve(id)).status).toBe(201)
})

test('a renewal is not approved for a certificate that was revoked meanwhile', async () => {
  const identity = await enrolled('strict')
  const { id } = (await renew(identity)).json
  await ca.call(`/v1/certificates/${identity.serialNumber}/revoke`, { body: {} })
  expectProblem(await approve(id), 403, 'certificateRevoked')
})

test('a renewal may be asked for anew once the certificate that came of it is revoked', async () => {
  const identity = await enrolled('strict')
  const { id } = (await renew(identity)).json
  const issued = await approve(id)
  await ca.call(`/v1/certificates/${issued.json.serialNumber}/revoke`, { body: {} })
  const again = await renew(identity)
  expect(again.status).toBe(202)
  expect(again.json.id).not.toBe(id)
})

test('requests of one caller wait in a bounded number', async () => {
  const identity = await enrolled('strict')
  const answers = [1, 2, 3, 4].map(() => renew(identity, { csr: csrPem(NAMES) }))
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  expect(statuses.sort()).toEqual([202, 202, 202, 429])
  const refused = await renew(identity, { csr: csrPem(NAMES) })
  expectProblem(refused, 429, 'tooManyPending')
  expect(refused.headers['retry-after']).toBe('3600')
})
