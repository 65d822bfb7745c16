import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ROUTE_ACCESS } from '../../../src/api/rest/roles.ts'
import { ROLES, type Role } from '../../../src/store/commands.ts'
import { eventually } from '../../eventually.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem, type Identity, keyPem, newKey } from '../requests.ts'

let ca: TestCa
const keys = {} as Record<Role, string>
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      profiles: { staff: { extends: 'client' } },
      admins: [
        { san: 'email:op@example.test', role: 'operator' },
        { san: 'email:boss@example.test', profile: 'staff', role: 'admin' },
        { subject: 'CN=r.example.test' },
      ],
    },
  })
  await ca.listen()
  for (const role of ROLES) keys[role] = (await newKeyOf(role)).key
})
afterAll(() => ca.close())

let made = 0
async function newKeyOf(role: Role): Promise<{ id: number; name: string; key: string }> {
  const name = `${role}-${++made}`
  const answer = await ca.call('/v1/admin-keys', { body: { name, role } })
  expect(answer.status, answer.text).toBe(201)
  return answer.json
}

test('every route under /v1 has its least role, and the table names no other', () => {
  const { paths } = parse(readFileSync(new URL('../../../openapi.yaml', import.meta.url), 'utf8')) as {
    paths: Record<string, Record<string, unknown>>
  }
  const routes = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods)
      .filter((method) => /^(get|post|put|patch|delete)$/.test(method))
      .map((method) => `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`),
  )
  // Whoever signs in has no role yet.
  const known = routes.filter((route) => route.includes(' /v1/') && !/ \/v1\/session(\/|$)/.test(route))
  expect(Object.keys(ROUTE_ACCESS).sort()).toEqual(known.sort())
})

/** With parameters of things that there are not: who is let in gets no further, and changes nothing. */
const calls = Object.entries(ROUTE_ACCESS).map(([route, access]) => {
  const [method, path] = route.split(' ') as ['GET', string]
  const url = path.replace(':serial', 'ab').replace(/:\w+/, '999')
  return { route, method, url, ...access }
})

test.each(calls)('$route is for $role and above', async ({ method, url, role }) => {
  const least = ROLES.indexOf(role)
  const body = method === 'GET' || method === 'DELETE' ? {} : { body: { unknownKey: true } }
  for (const [rank, one] of ROLES.entries()) {
    const answer = await ca.call(url, { method, as: keys[one], ...body })
    if (rank <= least) {
      expect(answer.status, `${one}: ${answer.text}`).not.toBe(401)
      expect(answer.status, `${one}: ${answer.text}`).not.toBe(403)
    } else {
      expectProblem(answer, 403, 'forbidden', new RegExp(`needs the role "${role}"`))
    }
  }
})

test.each(calls.filter(({ others }) => !others))(
  '$route is for nobody else',
  async ({ method, url, role }) => {
    const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
    const answer = await ca.call(url, { method, as: token })
    expectProblem(answer, 403, 'forbidden', new RegExp(`admin key with the role "${role}"`))
  },
)

test('an operator revokes, and an auditor sees it; neither enrols', async () => {
  const csr = csrPem(['dns:a.example.test'])
  const { serialNumber } = await ca.enrol(csr)
  for (const as of [keys.operator, keys.auditor])
    expectProblem(await ca.call('/v1/certificates', { as, body: { csr } }), 403, 'forbidden')
  const revoke = (as: string) => ca.call(`/v1/certificates/${serialNumber}/revoke`, { as, method: 'POST' })
  expectProblem(await revoke(keys.auditor), 403, 'forbidden')
  expect((await revoke(keys.operator)).status).toBe(200)
  expect((await ca.audit('certificate.revoke'))[0]).toMatchObject({
    actor: expect.stringMatching(/^admin:operator-/),
    detail: { adminKey: expect.any(Number) },
  })
  const seen = await ca.call(`/v1/certificates/${serialNumber}`, { as: keys.auditor })
  expect(seen.json.state).toBe('revoked')
  expect((await ca.call('/metrics', { as: keys.auditor })).status).toBe(200)
})

test('a refused role is on record, and the request log says who read', async () => {
  await ca.call('/v1/tokens', { as: keys.auditor, body: { names: {} } })
  expect((await ca.audit('request.refuse'))[0]).toMatchObject({
    actor: expect.stringMatching(/^admin:auditor-/),
    result: 'refused',
    detail: { code: 'forbidden', wanted: 'POST /v1/tokens' },
  })
  await ca.call('/v1/audit', { as: keys.auditor })
  expect(ca.log.map((line) => JSON.parse(line)).at(-1)).toMatchObject({
    path: '/v1/audit',
    principal: expect.stringMatching(/^admin:auditor-/),
  })
})

test('a key is rotated: the former secret counts for its grace, to the second', async () => {
  const start = ca.now
  const { id, name, key } = await newKeyOf('auditor')
  const rotate = (grace?: unknown) =>
    ca.call(`/v1/admin-keys/${id}/rotate`, { method: 'POST', body: { grace } })
  const opens = async (as: string) => (await ca.call('/v1/profiles', { as })).status === 200
  const rotated = (await rotate('1h')).json
  expect(rotated).toMatchObject({ id, name, role: 'auditor', key: expect.stringMatching(/^chancery_admin_/) })
  expect(await opens(key)).toBe(true)
  expect(await opens(rotated.key)).toBe(true)
  ca.now += 3600_000
  expect(await opens(key)).toBe(false)
  expect(await opens(rotated.key)).toBe(true)
  const again = (await rotate()).json
  expect(again.formerUntil).toBeNull()
  expect(await opens(rotated.key)).toBe(false)
  expect(await opens(again.key)).toBe(true)
  expectProblem(await rotate('31d'), 400, 'malformedRequest', /30 days/)
  expect((await ca.audit('admin-key.rotate'))[0]).toMatchObject({ target: name, detail: { id, grace: 0 } })
  ca.now = start
})

test('a key is revoked, but never the last admin', async () => {
  const { id, key } = await newKeyOf('admin')
  const revoke = (one: number, as = key) => ca.call(`/v1/admin-keys/${one}`, { method: 'DELETE', as })
  expectProblem(await revoke(9999), 404, 'notFound')
  const admins = (await ca.call('/v1/admin-keys')).json.adminKeys.filter(
    (one: { role: Role; revokedAt: string | null }) => one.role === 'admin' && one.revokedAt === null,
  )
  const [last, ...others] = admins
  expect(last.name).toBe('default')
  for (const one of others) {
    if (one.id === id) continue
    expect((await revoke(one.id)).json).toEqual({ id: one.id, changed: true })
    expect((await revoke(one.id)).json).toEqual({ id: one.id, changed: false })
  }
  expect((await revoke(id, ca.adminKey)).status).toBe(200)
  expect((await ca.call('/v1/profiles', { as: key })).status).toBe(401)
  expectProblem(await revoke(last.id, ca.adminKey), 409, 'conflict', /last one with the role "admin"/)
  expectProblem(
    await ca.call(`/v1/admin-keys/${id}/rotate`, { method: 'POST', body: {} }),
    409,
    'conflict',
    /revoked/,
  )
  keys.admin = ca.adminKey
})

test('when a key was used last is noted once a minute', async () => {
  const start = ca.now
  const { id, key } = await newKeyOf('auditor')
  const lastUsed = async () => (await ca.service.store.read.adminKey(id))!.lastUsedAt
  expect(await lastUsed()).toBeNull()
  await ca.call('/v1/profiles', { as: key })
  const first = ca.seconds
  await eventually(async () => expect(await lastUsed()).toBe(first))
  ca.now += 59_000
  await ca.call('/v1/profiles', { as: key })
  // Whatever was written for the second use would be behind this.
  await newKeyOf('auditor')
  expect(await lastUsed()).toBe(first)
  ca.now += 1000
  await ca.call('/v1/profiles', { as: key })
  await eventually(async () => expect(await lastUsed()).toBe(first + 60))
  ca.now = start
})

test('names and roles that are none make no key', async () => {
  for (const body of [{ name: 'x' }, { name: 'x', role: 'root' }, { name: '', role: 'auditor' }])
    expectProblem(await ca.call('/v1/admin-keys', { body }), 400, 'malformedRequest')
  const wrong = { body: { name: 'Not This', role: 'auditor' } }
  expectProblem(await ca.call('/v1/admin-keys', wrong), 400, 'badConfiguration')
  const taken = { body: { name: 'default', role: 'auditor' } }
  expectProblem(await ca.call('/v1/admin-keys', taken), 409, 'conflict')
})

async function holder(names: readonly string[], { commonName = 'x', profile = 'staff' } = {}) {
  const key = newKey()
  const issued = await ca.enrol(csrPem(names, { key, commonName }), { profile, validity: '30d' })
  const identity: Identity = { key: keyPem(key), certificate: issued.certificate + issued.chain.join('') }
  return { serialNumber: issued.serialNumber as string, identity }
}

test('a certificate has the role that the configuration gives it, and may still act for itself', async () => {
  const op = await holder(['email:op@example.test'])
  const other = await holder(['email:other@example.test'])
  const { identity } = op
  const get = (path: string, one: Identity = identity) => ca.send(path, { method: 'GET', identity: one })
  expect((await get('/v1/audit')).status).toBe(200)
  expectProblem(await get('/v1/audit', other.identity), 403, 'forbidden', /admin key with the role "auditor"/)
  const token = { identity, body: { names: { dns: ['a.example.test'] } } }
  expectProblem(await ca.send('/v1/tokens', token), 403, 'forbidden', /needs the role "admin".*"operator"/)
  const revoke = await ca.send(`/v1/certificates/${other.serialNumber}/revoke`, { identity, body: {} })
  expect(revoke.status, revoke.text).toBe(200)
  expect((await ca.audit('certificate.revoke'))[0]).toMatchObject({
    actor: `certificate:${op.serialNumber}`,
    target: other.serialNumber,
  })
  // By the key of the handshake, as only the holder itself may.
  const renewed = await ca.send(`/v1/certificates/${op.serialNumber}/renew`, { identity })
  expect(renewed.status, renewed.text).toBe(201)
  expectProblem(
    await ca.send('/v1/certificates', { identity, body: { csr: csrPem(['dns:a.example.test']) } }),
    403,
    'forbidden',
  )
})

test('every condition must fit: name and profile, or the subject', async () => {
  const boss = await holder(['email:boss@example.test'])
  const fake = await holder(['email:boss@example.test'], { profile: 'client' })
  const reader = await holder(['dns:r.example.test'], { commonName: 'r.example.test' })
  const get = (path: string, { identity }: { identity: Identity }) =>
    ca.send(path, { method: 'GET', identity })
  const token = ({ identity }: { identity: Identity }) =>
    ca.send('/v1/tokens', { identity, body: { names: { dns: ['a.example.test'] } } })
  expect((await token(boss)).status).toBe(201)
  const enrol = { identity: boss.identity, body: { csr: csrPem(['dns:new.example.test']) } }
  expect((await ca.send('/v1/certificates', enrol)).status).toBe(201)
  expectProblem(await token(fake), 403, 'forbidden')
  expect((await get('/v1/tokens', reader)).status).toBe(200)
  expectProblem(await token(reader), 403, 'forbidden')
})

test('such a certificate signs in; revoked or expired it has no role, and its session ends', async () => {
  const start = ca.now
  const signIn = ({ identity }: { identity: Identity }) => ca.send('/v1/session', { identity })
  const cookieOf = (answer: Awaited<ReturnType<typeof signIn>>) =>
    String(answer.headers['set-cookie']).split(';', 1)[0]!
  const isOpen = async (cookie: string) =>
    (await ca.call('/v1/certificates', { as: null, headers: { cookie } })).status === 200
  const op = await holder(['email:op@example.test'])
  const signed = await signIn(op)
  expect(signed.json).toMatchObject({ name: `certificate:${op.serialNumber}`, role: 'operator' })
  expect(await isOpen(cookieOf(signed))).toBe(true)
  expect((await ca.call(`/v1/certificates/${op.serialNumber}/revoke`, { method: 'POST' })).status).toBe(200)
  expect(await isOpen(cookieOf(signed))).toBe(false)
  expectProblem(await signIn(op), 403, 'certificateRevoked')
  expectProblem(
    await ca.send('/v1/audit', { method: 'GET', identity: op.identity }),
    403,
    'certificateRevoked',
  )

  const late = await holder(['email:op@example.test'])
  ca.now += 31 * DAY * 1000
  expectProblem(await signIn(late), 403, 'certificateExpired')
  ca.now = start
  expectProblem(await signIn(await holder(['email:nobody@example.test'])), 403, 'forbidden', /sign in/)
})
