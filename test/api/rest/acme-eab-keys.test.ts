import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({ options: { acme: { profiles: ['server', 'short-lived'] } } })
})
afterAll(() => ca.close())

const PATH = '/v1/acme/eab-keys'
const make = (body: object = {}) => ca.call(PATH, { body })

async function listed(kid: string) {
  const { json } = await ca.call(`${PATH}?limit=1000`)
  return json.eabKeys.find((one: { kid: string }) => one.kid === kid)
}

describe('making one', () => {
  test('shows the secret this once, in the form that ACME clients take', async () => {
    const made = await make()
    expect(made.status, made.text).toBe(201)
    expect(made.headers['cache-control']).toBe('no-store')
    expect(made.json).toEqual({
      kid: expect.stringMatching(/^[0-9a-f]{24}$/),
      hmacKey: expect.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{85}$/),
      expiresAt: null,
    })
    expect(await listed(made.json.kid)).toEqual({
      kid: made.json.kid,
      profiles: null,
      names: null,
      singleUse: true,
      state: 'open',
      expiresAt: null,
      createdAt: new Date(ca.now).toISOString().replace('.000', ''),
      createdBy: 'admin:default',
      usedAt: null,
      accounts: 0,
    })
  })

  test('keeps the secret out of list, audit log, log and database', async () => {
    const { kid, hmacKey } = (await make()).json
    const raw = Buffer.from(hmacKey, 'base64url')
    expect((await ca.call(PATH)).text).not.toContain(hmacKey)
    expect((await ca.call('/v1/audit')).text).not.toContain(hmacKey)
    expect(ca.log.join('')).not.toContain(hmacKey)
    const files = ['chancery.db', 'chancery.db-wal'].map((name) => readFileSync(join(ca.directory, name)))
    for (const form of [raw, raw.toString('hex'), raw.toString('base64'), hmacKey]) {
      for (const file of files) expect(file.includes(form)).toBe(false)
    }
    expect(files.some((file) => file.includes(kid))).toBe(true)
  })

  test('takes limits and a life, and writes down who made it', async () => {
    const limits = { profiles: ['short-lived'], names: ['Example.Test', '10.0.0.0/8', '2001:DB8::1'] }
    const { kid, expiresAt } = (await make({ ...limits, singleUse: false, ttl: '30d' })).json
    expect(Date.parse(expiresAt)).toBe(ca.now + 30 * DAY * 1000)
    const names = ['example.test', '10.0.0.0/8', '2001:db8::1']
    expect(await listed(kid)).toMatchObject({ profiles: ['short-lived'], names, singleUse: false, expiresAt })
    expect((await ca.audit('externalKey.create'))[0]).toMatchObject({
      actor: 'admin:default',
      target: kid,
      detail: { profiles: ['short-lived'], names, singleUse: false },
    })
  })

  test.for([
    ['a profile that ACME does not offer', { profiles: ['client'] }, 'unknownProfile'],
    ['no profile', { profiles: [] }, 'malformedRequest'],
    ['no name', { names: [] }, 'malformedRequest'],
    ['a name that is none', { names: ['a b'] }, 'badName'],
    ['a wildcard, which its domain allows', { names: ['*.example.test'] }, 'badName'],
    ['no life', { ttl: '0s' }, 'malformedRequest'],
    ['a life that is none', { ttl: 'soon' }, 'malformedRequest'],
    ['an unknown key', { uses: 2 }, 'malformedRequest'],
  ] as const)('is refused with %s', async ([, body, code]) => {
    const count = (await ca.audit('externalKey.create')).length
    expectProblem(await make(body), 400, code)
    expect(await ca.audit('externalKey.create')).toHaveLength(count)
  })
})

test('an expired one says so', async () => {
  const { kid } = (await make({ ttl: '1h' })).json
  ca.now += 3_599_000
  expect((await listed(kid)).state).toBe('open')
  ca.now += 1000
  expect((await listed(kid)).state).toBe('expired')
})

test('a revoked one says so, and the second time changes nothing', async () => {
  const { kid } = (await make()).json
  const revoke = (of = kid) => ca.call(`${PATH}/${of}`, { method: 'DELETE' })
  expect((await revoke()).json).toEqual({ kid, changed: true })
  expect((await revoke()).json).toEqual({ kid, changed: false })
  expect((await listed(kid)).state).toBe('revoked')
  expect((await ca.audit('externalKey.revoke')).map(({ target }) => target)).toEqual([kid])
  expectProblem(await revoke('0'.repeat(24)), 404, 'notFound')
  expectProblem(await revoke('a%20b'), 400, 'malformedRequest')
})

test('the list goes by pages, the newest first', async () => {
  const kids: string[] = []
  for (let n = 0; n < 3; n++) kids.unshift((await make()).json.kid)
  const first = (await ca.call(`${PATH}?limit=2`)).json
  expect(first.eabKeys.map(({ kid }: { kid: string }) => kid)).toEqual(kids.slice(0, 2))
  const second = (await ca.call(`${PATH}?limit=1&after=${first.next}`)).json
  expect(second.eabKeys.map(({ kid }: { kid: string }) => kid)).toEqual(kids.slice(2))
})

test('all of ACME’s administration is for admins alone', async () => {
  const { token } = await ca.token({ names: { dns: ['web.example.test'] } })
  for (const [method, path] of [
    ['POST', PATH],
    ['GET', PATH],
    ['DELETE', `${PATH}/abc`],
    ['GET', '/v1/acme/accounts'],
    ['GET', '/v1/acme/accounts/1'],
    ['POST', '/v1/acme/accounts/1/deactivate'],
    ['GET', '/v1/acme/orders'],
    ['GET', '/v1/acme/orders/1'],
    ['POST', '/v1/renewal-calls'],
  ] as const) {
    const body = method === 'POST' && !path.endsWith('deactivate') ? { body: {} } : {}
    expectProblem(await ca.call(path, { as: token, method, ...body }), 403, 'forbidden')
    expectProblem(await ca.call(path, { as: null, method, ...body }), 401, 'unauthenticated')
  }
})
