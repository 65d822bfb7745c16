import { once } from 'node:events'
import { request as httpsRequest } from 'node:https'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { type Answer, answer, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem, type Identity, keyPem, newKey } from '../requests.ts'

let ca: TestCa
let port: number
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      profiles: { staff: { extends: 'client' } },
      admins: [{ san: 'email:ada@example.test', profile: 'staff', role: 'admin' }],
    },
  })
  port = await ca.listen()
})
afterAll(() => ca.close())

/** A request for an admin key, of which nothing is sent yet, and its body. */
function prepared(headers: Record<string, string>, identity?: Identity) {
  const body = JSON.stringify({ name: `late-${++made}`, role: 'admin' })
  const request = httpsRequest({
    ...{ host: '127.0.0.1', port, servername: 'localhost', ca: ca.rootPem, agent: false },
    ...{ method: 'POST', path: '/v1/admin-keys' },
    ...(identity ? { key: identity.key, cert: identity.certificate } : {}),
    headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  })
  return { request, body }
}

async function ended({ request, body }: ReturnType<typeof prepared>): Promise<Answer> {
  const response = once(request, 'response')
  request.end(body)
  const [message] = await response
  const chunks = await message.toArray()
  return answer(message.statusCode, message.headers, Buffer.concat(chunks))
}

/** One whose body comes last: at `end`, when the service has let its caller in. */
async function begun(headers: Record<string, string>, identity?: Identity): Promise<() => Promise<Answer>> {
  const late = prepared({ ...headers, expect: '100-continue' }, identity)
  late.request.flushHeaders()
  await once(late.request, 'continue')
  return () => ended(late)
}
let made = 0

async function adminKey(): Promise<{ id: number; key: string }> {
  const { json, status, text } = await ca.call('/v1/admin-keys', {
    body: { name: `key-${++made}`, role: 'admin' },
  })
  expect(status, text).toBe(201)
  return json
}

const bearer = (key: string) => ({ authorization: `Bearer ${key}` })
const names = async () =>
  (await ca.call('/v1/admin-keys')).json.adminKeys.map(({ name }: { name: string }) => name)

/** Nothing came of it, though it had begun before. */
async function expectShutOut(end: () => Promise<Answer>): Promise<void> {
  const before = await names()
  const refused = await end()
  expect([401, 403]).toContain(refused.status)
  expectProblem(refused, refused.status, refused.status === 401 ? 'unauthenticated' : 'certificateRevoked')
  expect(await names()).toEqual(before)
}

test('a request that waited for its body is that of who asks still', async () => {
  const { key } = await adminKey()
  const end = await begun(bearer(key))
  expect((await end()).status).toBe(201)
})

test('a body that comes with the head costs no second look at who asks', async () => {
  const { key } = await adminKey()
  const look = vi.spyOn(ca.service.store.read, 'adminKeyByHash')
  expect((await ended(prepared(bearer(key)))).status).toBe(201)
  expect(look).toHaveBeenCalledTimes(1)
  const end = await begun(bearer(key))
  expect((await end()).status).toBe(201)
  expect(look).toHaveBeenCalledTimes(3)
})

test('an admin key that was revoked, or has another secret, ends no request that it began', async () => {
  const revoked = await adminKey()
  const first = await begun(bearer(revoked.key))
  expect((await ca.call(`/v1/admin-keys/${revoked.id}`, { method: 'DELETE' })).status).toBe(200)
  await expectShutOut(first)
  const rotated = await adminKey()
  const second = await begun(bearer(rotated.key))
  expect((await ca.call(`/v1/admin-keys/${rotated.id}/rotate`, { body: {} })).status).toBe(200)
  await expectShutOut(second)
})

test('nor does a session that was closed', async () => {
  const { key } = await adminKey()
  const opened = await ca.call('/v1/session', { method: 'POST', as: key })
  const headers = {
    cookie: String(opened.headers['set-cookie']).split(';', 1)[0]!,
    'x-chancery-console': '1',
  }
  const end = await begun(headers)
  expect((await ca.call('/v1/session', { method: 'DELETE', as: null, headers })).status).toBe(204)
  await expectShutOut(end)
})

test('nor does a certificate with a role that was revoked', async () => {
  const key = newKey()
  const staff = await ca.enrol(csrPem(['email:ada@example.test'], { key }), { profile: 'staff' })
  const end = await begun({}, { key: keyPem(key), certificate: staff.certificate })
  const revoked = await ca.call(`/v1/certificates/${staff.serialNumber}/revoke`, { body: {} })
  expect(revoked.status).toBe(200)
  await expectShutOut(end)
})
