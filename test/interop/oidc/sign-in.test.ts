import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Answer, expectProblem, TestCa } from '../../api/ca-fixture.ts'

const CALLBACK = 'https://localhost:8443/v1/session/oidc/callback'

let provider: ChildProcess
let issuer: string
let ca: TestCa
let folder: string
beforeAll(async () => {
  provider = spawn(process.execPath, [fileURLToPath(new URL('provider.mjs', import.meta.url)), CALLBACK], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [port] = (await once(createInterface({ input: provider.stdout! }), 'line')) as [string]
  issuer = `http://127.0.0.1:${port}`
  folder = mkdtempSync(join(tmpdir(), 'chancery-oidc-'))
  const clientSecretFile = join(folder, 'secret')
  writeFileSync(clientSecretFile, 'the secret: of the client & its signs\n')
  chmodSync(clientSecretFile, 0o600)
  ca = await TestCa.create({
    options: {
      oidc: {
        ...{ issuer, clientId: 'chancery', clientSecretFile, callback: CALLBACK },
        audience: 'urn:example:ca',
        roles: { 'ca-admins': 'admin', 'ca-readers': 'auditor' },
      },
    },
  })
})
afterAll(async () => {
  provider.kill()
  await ca.close()
  rmSync(folder, { recursive: true, force: true })
})

const cookieOf = (answer: Answer, name: string) =>
  [answer.headers['set-cookie']]
    .flat()
    .map((text) => String(text).split(';', 1)[0]!)
    .find((pair) => pair.startsWith(`${name}=`))!

/** What a person does at the provider: the query with which the browser comes back, as text. */
async function atProvider(url: string, login: string): Promise<string> {
  const jar = new Map<string, string>()
  let at = new URL(url)
  let form: URLSearchParams | null = null
  for (let step = 0; step < 20; step++) {
    const answer = await fetch(at, {
      redirect: 'manual',
      headers: { cookie: [...jar].map((pair) => pair.join('=')).join('; ') },
      ...(form ? { method: 'POST', body: form } : {}),
    })
    for (const text of answer.headers.getSetCookie()) {
      const [name, value] = text.split(';', 1)[0]!.split('=') as [string, string]
      if (value) jar.set(name, value)
      else jar.delete(name)
    }
    form = null
    const page = await answer.text()
    const location = answer.headers.get('location')
    if (location) {
      at = new URL(location, at)
      if (at.href.startsWith(CALLBACK)) return at.search
      continue
    }
    const [, action, prompt] = /action="([^"]+)"[\s\S]*name="prompt" value="(\w+)"/.exec(page) ?? []
    if (!action) throw new Error(`${at.href}: ${page}`)
    at = new URL(action, at)
    form = new URLSearchParams({ prompt: prompt!, login, password: 'x' })
  }
  throw new Error('the provider does not come to an end')
}

async function begin(): Promise<{ url: string; cookie: string }> {
  const begun = await ca.call('/v1/session/oidc', { as: null })
  expect(begun.status, begun.text).toBe(302)
  return { url: String(begun.headers.location), cookie: cookieOf(begun, '__Host-chancery-sign-in') }
}

const comeBack = (query: string, cookie: string, headers = {}) =>
  ca.call(`/v1/session/oidc/callback${query}`, { as: null, headers: { cookie, ...headers } })

test('somebody whom the provider puts into a group signs in with its role', async () => {
  const { url, cookie } = await begin()
  const sent = new URL(url).searchParams
  expect(Object.fromEntries(sent)).toMatchObject({
    ...{ response_type: 'code', client_id: 'chancery', redirect_uri: CALLBACK },
    ...{ scope: 'openid email profile', code_challenge_method: 'S256' },
  })
  const query = await atProvider(url, 'ada')
  const back = await comeBack(query, cookie, { 'sec-fetch-site': 'cross-site' })
  expect(back.status, back.text).toBe(303)
  expect(back.headers.location).toBe('/console/')
  const session = cookieOf(back, '__Host-chancery-session')
  const shown = await ca.call('/v1/session', { as: null, headers: { cookie: session } })
  expect(shown.json).toMatchObject({ name: 'ada@example.test', role: 'admin' })
  const made = await ca.call('/v1/tokens', {
    as: null,
    headers: { cookie: session, 'x-chancery-console': '1' },
    body: { names: { dns: ['a.example.test'] } },
  })
  expect(made.status, made.text).toBe(201)
  expect((await ca.audit('token.create'))[0]).toMatchObject({ actor: 'oidc:ada' })
  expect((await ca.audit('session.open'))[0]).toMatchObject({ actor: 'oidc:ada', target: 'ada@example.test' })
  // The code is spent, and so is the cookie by which it came.
  expect(cookieOf(back, '__Host-chancery-sign-in')).toBe('__Host-chancery-sign-in=')
  expectProblem(await comeBack(query, cookie), 401, 'unauthenticated', /begin anew/)
})

test('one value as text gives its role, and no value none', async () => {
  const first = await begin()
  const back = await comeBack(await atProvider(first.url, 'reader'), first.cookie)
  const cookie = cookieOf(back, '__Host-chancery-session')
  expect((await ca.call('/v1/session', { as: null, headers: { cookie } })).json.role).toBe('auditor')
  const second = await begin()
  const refused = await comeBack(await atProvider(second.url, 'eve'), second.cookie)
  expectProblem(refused, 403, 'forbidden', /"eve" no value of "groups"/)
  expect(cookieOf(refused, '__Host-chancery-session')).toBeUndefined()
})

test('an answer that belongs to no sign-in of this browser is refused', async () => {
  const [mine, others] = [await begin(), await begin()]
  const query = await atProvider(mine.url, 'ada')
  expectProblem(await comeBack(query, ''), 401, 'unauthenticated')
  expectProblem(await comeBack(query, others.cookie), 401, 'unauthenticated')
  expectProblem(await comeBack(query, `${mine.cookie.slice(0, -4)}AAAA`), 401, 'unauthenticated')
  expectProblem(await comeBack(query.replace(/state=[^&]+/, ''), mine.cookie), 401, 'unauthenticated')
  const foreign = query.replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.test')
  expectProblem(await comeBack(foreign, mine.cookie), 401, 'unauthenticated', /another OpenID provider/)
  const { searchParams } = new URL(mine.url)
  const denied = `?error=access_denied&state=${searchParams.get('state')}`
  expectProblem(await comeBack(denied, mine.cookie), 401, 'unauthenticated', /access_denied/)
  const start = ca.now
  ca.now += 600_000
  expectProblem(await comeBack(query, mine.cookie), 401, 'unauthenticated', /too long ago/)
  ca.now = start
  expect((await comeBack(query, mine.cookie)).status).toBe(303)
})

test('an access token for the audience is taken as bearer, until it ends; one of another audience is not', async () => {
  const tokenFor = async (resource: string) => {
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa('machine:the+secret+of+the+machine')}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', resource }),
    })
    return ((await answer.json()) as { access_token: string }).access_token
  }
  const start = ca.now
  const as = await tokenFor('urn:example:ca')
  expect(as.split('.')).toHaveLength(3)
  const read = await ca.call('/v1/audit', { as })
  expect(read.status, read.text).toBe(200)
  const enrol = { as, body: { names: { dns: ['a.example.test'] } } }
  expectProblem(await ca.call('/v1/tokens', enrol), 403, 'forbidden', /role "admin"/)
  // A session would go on for hours after the token has ended.
  expectProblem(await ca.call('/v1/session', { as, method: 'POST' }), 403, 'forbidden', /sign in/)
  expect((await ca.audit('request.refuse'))[0]).toMatchObject({ actor: 'oidc:machine' })
  const [head, body, signature] = as.split('.') as [string, string, string]
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  for (const wrong of [
    await tokenFor('urn:example:other'),
    `${head}.${body}.${signature.slice(0, -8)}AAAAAAAA`,
    `${none}.${body}.AAAA`,
    `${head}.${Buffer.from('{"sub":"ada","groups":"ca-admins"}').toString('base64url')}.${signature}`,
    'a.b.c',
  ])
    expectProblem(await ca.call('/v1/audit', { as: wrong }), 401, 'unauthenticated')
  ca.now += 700_000
  expectProblem(await ca.call('/v1/audit', { as }), 401, 'unauthenticated')
  ca.now = start
})

test('without a provider in the configuration there is no such sign-in', async () => {
  const plain = await TestCa.create()
  expectProblem(await plain.call('/v1/session/oidc', { as: null }), 404, 'notFound')
  expectProblem(await plain.call('/v1/session/oidc/callback?code=x&state=y', { as: null }), 404, 'notFound')
  expectProblem(await plain.call('/v1/audit', { as: 'aaaa.bbbb.cccc' }), 401, 'unauthenticated')
  await plain.close()
})
