import { afterAll, beforeAll, expect, test } from 'vitest'
import { expectProblem, TestCa } from '../ca-fixture.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      admins: [{ san: 'email:ada@example.test', role: 'auditor' }],
      oidc: {
        issuer: 'https://provider.test',
        clientId: 'ca',
        callback: 'https://ca.test/v1/session/oidc/callback',
        roles: { pki: 'admin' },
      },
    },
  })
})
afterAll(() => ca.close())

const CONSOLE = { 'x-chancery-console': '1' }
const NAME = '__Host-chancery-session'

async function adminKey(name: string, role: string): Promise<{ id: number; key: string }> {
  const made = await ca.call('/v1/admin-keys', { body: { name, role } })
  expect(made.status, made.text).toBe(201)
  return made.json
}

/** The Cookie header of a new session. */
async function signIn(as: string): Promise<string> {
  const opened = await ca.call('/v1/session', { method: 'POST', as })
  expect(opened.status, opened.text).toBe(201)
  return String(opened.headers['set-cookie']).split(';', 1)[0]!
}

const withCookie = (cookie: string, headers = {}) => ({ as: null, headers: { cookie, ...headers } })

test('an admin key opens a session, whose cookie stands for it', async () => {
  const opened = await ca.call('/v1/session', { method: 'POST' })
  expect(opened.status).toBe(201)
  expect(opened.json).toEqual({
    name: 'default',
    role: 'admin',
    expires: new Date(ca.now + 30 * 60_000).toISOString().replace('.000', ''),
  })
  const cookie = String(opened.headers['set-cookie'])
  expect(cookie).toMatch(
    /^__Host-chancery-session=chancery_session_[\w-]{43}; HttpOnly; Secure; SameSite=Strict; Path=\/$/,
  )
  expect(opened.headers['cache-control']).toBe('no-store')
  const pair = cookie.split(';', 1)[0]!
  const shown = await ca.call('/v1/session', withCookie(`other=1; ${pair}; more=2`))
  expect(shown).toMatchObject({ status: 200, json: opened.json })
  expect((await ca.call('/v1/certificates', withCookie(pair))).status).toBe(200)
  const made = await ca.call('/v1/tokens', {
    ...withCookie(pair, CONSOLE),
    body: { names: { dns: ['a.example.test'] } },
  })
  expect(made.status, made.text).toBe(201)
  expect((await ca.audit('token.create'))[0]).toMatchObject({ actor: 'admin:default' })
  expect((await ca.audit('session.open'))[0]).toMatchObject({ actor: 'admin:default', target: 'default' })
  expect(ca.log.join('')).not.toContain(pair.split('=')[1])
})

test('without a session nobody is signed in, and enrolment tokens open none', async () => {
  expectProblem(await ca.call('/v1/session', { as: null }), 401, 'unauthenticated')
  expectProblem(await ca.call('/v1/session', { as: null, method: 'POST' }), 401, 'unauthenticated')
  expectProblem(await ca.call('/v1/session', { as: 'nonsense', method: 'POST' }), 401, 'unauthenticated')
  const { token } = await ca.token({ names: { dns: ['a.example.test'] } })
  expectProblem(await ca.call('/v1/session', { as: token, method: 'POST' }), 403, 'forbidden')
  const unknown = withCookie(`${NAME}=chancery_session_${'A'.repeat(43)}`)
  expectProblem(await ca.call('/v1/session', unknown), 401, 'unauthenticated', /sign in again/)
  expectProblem(await ca.call('/v1/certificates', unknown), 401, 'unauthenticated')
  // Not about cookies at all: an admin key by itself is no session.
  expectProblem(await ca.call('/v1/session'), 401, 'unauthenticated')
})

test('signing out ends it and takes the cookie back', async () => {
  const cookie = await signIn(ca.adminKey)
  expectProblem(await ca.call('/v1/session', { ...withCookie(cookie), method: 'DELETE' }), 403, 'forbidden')
  const out = await ca.call('/v1/session', { ...withCookie(cookie, CONSOLE), method: 'DELETE' })
  expect(out).toMatchObject({ status: 204, text: '' })
  expect(String(out.headers['set-cookie'])).toMatch(/^__Host-chancery-session=; .*Max-Age=0$/)
  expectProblem(await ca.call('/v1/session', withCookie(cookie)), 401, 'unauthenticated')
  expect((await ca.call('/v1/session', { as: null, method: 'DELETE' })).status).toBe(204)
  expect(await ca.audit('session.close')).toHaveLength(1)
})

test('what a session changes must come from the console’s own origin', async () => {
  const cookie = await signIn(ca.adminKey)
  const change = (headers: Record<string, string>) =>
    ca.call('/v1/tokens', { ...withCookie(cookie, headers), body: { names: { dns: ['a.example.test'] } } })
  for (const headers of [
    {},
    { 'x-chancery-console': '0' },
    { ...CONSOLE, origin: 'https://evil.test' },
    { ...CONSOLE, origin: 'null' },
    { ...CONSOLE, origin: 'http://ca.test', host: 'ca.test' },
    { ...CONSOLE, origin: 'https://ca.test:8444', host: 'ca.test:8443' },
    { ...CONSOLE, 'sec-fetch-site': 'same-site' },
    { ...CONSOLE, 'sec-fetch-site': 'cross-site' },
    { ...CONSOLE, 'sec-fetch-site': 'none' },
  ]) {
    expectProblem(await change(headers), 403, 'forbidden')
  }
  const own = { origin: 'https://ca.test:8443', host: 'ca.test:8443', 'sec-fetch-site': 'same-origin' }
  expect((await change({ ...CONSOLE, ...own })).status).toBe(201)
  // Reading needs no header, and an address that somebody types is no other page.
  const read = (headers = {}) => ca.call('/v1/tokens', withCookie(cookie, headers))
  expect((await read()).status).toBe(200)
  expect((await read({ 'sec-fetch-site': 'none' })).status).toBe(200)
  expectProblem(await read({ 'sec-fetch-site': 'cross-site' }), 403, 'forbidden')
  expectProblem(await read({ origin: 'https://evil.test' }), 403, 'forbidden')
  // Nor can another page make the browser sign in.
  const foreign = { method: 'POST' as const, headers: { origin: 'https://evil.test' } }
  expectProblem(await ca.call('/v1/session', foreign), 403, 'forbidden')
})

test('the cookie counts under /v1 alone, and never beside an Authorization header', async () => {
  const cookie = await signIn(ca.adminKey)
  const beside = { as: 'chancery_admin_wrong', headers: { cookie, ...CONSOLE } }
  expectProblem(await ca.call('/v1/certificates', beside), 401, 'unauthenticated')
  expectProblem(await ca.call('/v1/session', beside), 401, 'unauthenticated')
  expect((await ca.call('/metrics', withCookie(cookie))).status).toBe(401)
  expect((await ca.call('/metrics')).status).toBe(200)
  const secrets = { ...withCookie(cookie, CONSOLE), body: { resource_names: ['x'] } }
  expect((await ca.call('/v3/discovery:secrets', secrets)).status).toBe(401)
  const twice = withCookie(`${cookie}; ${cookie}`)
  expectProblem(await ca.call('/v1/certificates', twice), 400, 'malformedRequest')
})

test('a session ends when nobody used it for half an hour, and after twelve hours in any case', async () => {
  const start = ca.now
  const cookie = await signIn(ca.adminKey)
  const isOpen = async () => (await ca.call('/v1/session', withCookie(cookie))).status === 200
  const minutes = (count: number) => (ca.now += count * 60_000)
  minutes(29)
  expect(await isOpen()).toBe(true)
  // Looking how long it lasts does not make it last longer.
  minutes(1)
  expect(await isOpen()).toBe(false)

  const busy = await signIn(ca.adminKey)
  let open = 0
  for (let used = await ca.call('/v1/profiles', withCookie(busy)); used.status === 200; open += 20) {
    minutes(20)
    used = await ca.call('/v1/profiles', withCookie(busy))
  }
  expect(open).toBe(12 * 60)
  ca.now = start
})

test('with its key end the sessions of a key: revoked, or rotated without grace', async () => {
  const [first, second] = [await adminKey('first', 'operator'), await adminKey('second', 'auditor')]
  const cookies = [await signIn(first.key), await signIn(second.key)]
  for (const cookie of cookies)
    expect((await ca.call('/v1/certificates', withCookie(cookie))).status).toBe(200)
  expect((await ca.call(`/v1/admin-keys/${first.id}`, { method: 'DELETE' })).status).toBe(200)
  expect((await ca.call(`/v1/admin-keys/${second.id}/rotate`, { method: 'POST' })).status).toBe(200)
  for (const cookie of cookies)
    expectProblem(await ca.call('/v1/certificates', withCookie(cookie)), 401, 'unauthenticated')
})

const open = (holder: string, kind: 'adminKey' | 'openId' = 'adminKey') => {
  const vouched = { kind: 'openId', principal: { kind: 'auditor', id: holder } } as const
  const key = { kind: 'adminKey', hash: Buffer.alloc(32) } as const
  const credential = kind === 'openId' ? vouched : key
  const { secret } = ca.service.access.sessions.open({ name: 'x', holder, credential })
  return `${NAME}=${secret}`
}
const isOpen = async (cookie: string) => (await ca.call('/v1/session', withCookie(cookie))).status === 200

test('one principal has twenty sessions at most, and pushes out none of anybody else', async () => {
  const other = open('oidc:bob', 'openId')
  const [first, second] = [open('oidc:ada', 'openId'), open('oidc:ada', 'openId')]
  await ca.call('/v1/profiles', withCookie(first))
  for (let i = 0; i < 19; i++) open('oidc:ada', 'openId')
  expect([await isOpen(other), await isOpen(first), await isOpen(second)]).toEqual([true, true, false])
  for (let i = 0; i < 1000; i++) open('oidc:ada', 'openId')
  expect([await isOpen(other), await isOpen(first)]).toEqual([true, false])
})

test('there are a thousand sessions at most: the one that was used longest ago gives way', async () => {
  const first = await signIn(ca.adminKey)
  const second = await signIn(ca.adminKey)
  await ca.call('/v1/profiles', withCookie(first))
  for (let i = 0; i < 999; i++) open(`admin:${i % 50}`)
  expect(await isOpen(first)).toBe(true)
  expect(await isOpen(second)).toBe(false)
})

test('a session that a provider vouched for ends two hours after its sign-in, however much it is used', async () => {
  const start = ca.now
  const cookie = open('oidc:ada', 'openId')
  let used = 0
  while ((await ca.call('/v1/profiles', withCookie(cookie))).status === 200) {
    ca.now += 20 * 60_000
    used += 20
  }
  expect(used).toBe(120)
  ca.now = start
})
