import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { makeNextRootCrl, type NextRootCrlWish } from '../../../src/ca/hierarchy/next-root-crl.ts'
import { openRoot } from '../../../src/ca/hierarchy/root.ts'
import { CaError } from '../../../src/errors.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { type Call, DAY, expectProblem, ROOT_PASSPHRASE, TestCa } from '../ca-fixture.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const DER = 'application/pkix-crl'
const put = (body: string | Buffer, type = DER, call: Call = {}, id = 'root') =>
  ca.call(`/v1/authorities/${id}/crl`, { method: 'PUT', body, headers: { 'content-type': type }, ...call })
const served = async () => (await ca.call('/crl/root.crl', { as: null }, ca.http)).body

/** The next CRL of the root, as its owner makes it. */
async function nextCrl(wish: Partial<NextRootCrlWish> = {}): Promise<Buffer> {
  const root = await openRoot(join(ca.directory, 'root-offline'), ROOT_PASSPHRASE)
  const wanted = { previous: await served(), revoke: [], validity: 365 * DAY, ...wish }
  return (await makeNextRootCrl(root, wanted, ca.clock())).der
}

test('a new CRL of the root is served at once, after a restart as well, and stands in the audit log', async () => {
  const { etag } = (await ca.call('/crl/root.crl', { as: null }, ca.http)).headers
  const der = await nextCrl()
  const answer = await put(der)
  expect(answer.status, answer.text).toBe(200)
  expect(answer.json).toEqual({
    number: 2,
    thisUpdate: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
    nextUpdate: expect.any(String),
    entries: 0,
  })
  expect(Date.parse(answer.json.thisUpdate)).toBe(ca.now)
  expect(Date.parse(answer.json.nextUpdate)).toBe(ca.now + 365 * DAY * 1000)

  const fresh = await ca.call(
    '/crl/root.crl',
    { as: null, headers: { 'if-none-match': String(etag) } },
    ca.http,
  )
  expect([fresh.status, fresh.body]).toEqual([200, der])
  expect((await ca.call('/v1/authorities/root')).json.crl).toEqual(answer.json)
  expect(await ca.audit('crl.install')).toMatchObject([
    { actor: 'admin:default', target: 'root', result: 'ok', detail: { number: 2, entries: 0 } },
  ])
  await ca.reopen()
  expect(await served()).toEqual(der)
})

test('PEM is taken as well', async () => {
  const before = ca.service.crl.current('root')!.number
  const der = await nextCrl()
  const answer = await put(encodePem('X509 CRL', der), 'application/x-pem-file')
  expect(answer.json, answer.text).toMatchObject({ number: before + 1 })
  expect(await served()).toEqual(der)
})

test('what does not fit is refused with the reason, and the old one stays', async () => {
  const [before, audit] = [await served(), await ca.audit('crl.install')]
  const der = await nextCrl()
  const broken = Buffer.from(der)
  broken[broken.length - 1]! ^= 1
  expectProblem(await put(broken), 400, 'badCrl', /signature/)
  expectProblem(await put(Buffer.from('nonsense')), 400, 'malformedPem', /PEM/)
  expectProblem(await put(Buffer.from([0x30, 0x00])), 400, 'badCrl', /DER/)
  expectProblem(await put(ca.rootPem, 'application/x-pem-file'), 400, 'malformedPem', /"CERTIFICATE"/)
  expectProblem(await put(ca.service.crl.current('intermediate')!.der), 400, 'badCrl', /is of "CN=/)
  expectProblem(await put(der, DER, {}, 'intermediate'), 409, 'conflict', /key of authority/)
  expectProblem(await put(der, DER, {}, 'nobody'), 404, 'unknownAuthority')
  expect(await served()).toEqual(before)
  expect(await ca.audit('crl.install')).toEqual(audit)
})

test('one that is here already may be brought again, as after an answer that was lost; an older one may not', async () => {
  const der = await nextCrl()
  const read = vi.spyOn(ca.service.store.read, 'scopeCrls')
  onTestFinished(() => read.mockRestore())
  read.mockRejectedValueOnce(new CaError('storeFailed', 'The database could not be read. Try again.'))
  expectProblem(await put(der), 503, 'storeFailed', /Try again/)
  const audit = await ca.audit('crl.install')
  const again = await put(der)
  expect(again.status, again.text).toBe(200)
  expect(again.json.number).toBe(ca.service.crl.current('root')!.number)
  expect(await served()).toEqual(der)
  expect(await ca.audit('crl.install')).toEqual(audit)
  expect((await put(await nextCrl())).status).toBe(200)
  expectProblem(await put(der), 409, 'conflict', /higher number/)
})

test('only an admin may bring one, in a type that is known, up to 1 MiB', async () => {
  const der = await nextCrl()
  expectProblem(await put(der, DER, { as: null }), 401, 'unauthenticated')
  const { token } = await ca.token({ profile: 'server', names: { dns: ['a.example.test'] } })
  expectProblem(await put(der, DER, { as: token }), 403, 'forbidden')
  expectProblem(await put(der, 'application/octet-stream'), 415, 'unsupportedMediaType')
  expectProblem(await put('{}', 'application/json'), 415, 'unsupportedMediaType', /pkix-crl/)
  expectProblem(await put(Buffer.alloc(1024 * 1024 + 1, 0x30)), 413, 'bodyTooLarge')
  expectProblem(await put(Buffer.alloc(1024 * 1024, 0x30)), 400, 'badCrl')
  expect((await put(der)).status).toBe(200)
})

test('readyz says in time that the next one is due', async () => {
  const now = ca.now
  ca.now = ca.service.crl.current('root')!.nextUpdate * 1000 - 29 * DAY * 1000
  await ca.service.crl.publish('intermediate')
  const ready = await ca.call('/readyz', { as: null }, ca.http)
  expect(ready.status).toBe(200)
  expect(ready.json.checks).toContainEqual(
    expect.objectContaining({
      name: 'crl:root',
      ok: true,
      reason: expect.stringMatching(/^Its CRL ends at/),
    }),
  )
  ca.now = now
  await ca.service.crl.publish('intermediate')
})
