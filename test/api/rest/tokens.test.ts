import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const NAMES = { dns: ['web.example.test'] }
const csr = csrPem(['dns:web.example.test'])
const enrol = (token: string, body: object = { csr }, headers: Record<string, string> = {}) =>
  ca.call('/v1/certificates', { as: token, body, headers })

async function stateOf(id: number) {
  const { json } = await ca.call('/v1/tokens')
  return json.tokens.find((one: { id: number }) => one.id === id)
}

describe('making one', () => {
  test('shows the secret this once', async () => {
    const made = await ca.token({ profile: 'client', names: { dns: ['A.Example.Test'] }, ttl: '2h' })
    expect(made).toEqual({
      id: expect.any(Number),
      token: expect.stringMatching(/^chancery_token_[A-Za-z0-9_-]{43}$/),
      expiresAt: new Date(ca.now + 7_200_000).toISOString().replace('.000', ''),
      profile: 'client',
      names: { dns: ['a.example.test'], ip: [], email: [], uri: [] },
    })
    expect(await stateOf(made.id)).toMatchObject({ state: 'open', createdBy: 'admin:default', spentOn: null })
    expect((await ca.call('/v1/tokens')).text).not.toContain(made.token)
    expect((await ca.audit('token.create'))[0]).toMatchObject({
      actor: 'admin:default',
      detail: { profile: 'client', names: ['dns:a.example.test'] },
    })
  })

  test.for([
    ['/v1/tokens', { names: NAMES }],
    ['/v1/est/users', { name: 'router' }],
  ] as const)('a secret from %s is kept by nobody on the way', async ([path, body]) => {
    const { status, headers } = await ca.call(path, { body })
    expect([status, headers['cache-control']]).toEqual([201, 'no-store'])
  })

  test.for([
    ['no names', { names: {} }, 'malformedRequest'],
    ['an unknown profile', { names: NAMES, profile: 'nonsense' }, 'unknownProfile'],
    ['the service’s own profile', { names: NAMES, profile: 'chancery-tls' }, 'unknownProfile'],
    ['a name that is none', { names: { dns: ['a b'] } }, 'badName'],
    ['a life over 30 days', { names: NAMES, ttl: '31d' }, 'malformedRequest'],
    ['no life', { names: NAMES, ttl: '0' }, 'malformedRequest'],
    ['an unknown key', { names: NAMES, uses: 2 }, 'malformedRequest'],
  ] as const)('is refused with %s', async ([, body, code]) => {
    const count = (await ca.audit('token.create')).length
    expectProblem(await ca.call('/v1/tokens', { body }), 400, code)
    expect(await ca.audit('token.create')).toHaveLength(count)
  })

  test('is for admins alone', async () => {
    const { token } = await ca.token({ names: NAMES })
    expectProblem(await ca.call('/v1/tokens', { as: token, body: { names: NAMES } }), 403, 'forbidden')
    for (const path of ['/v1/tokens', '/v1/audit', '/v1/authorities', '/v1/certificates']) {
      expectProblem(await ca.call(path, { as: token }), 403, 'forbidden')
      expectProblem(await ca.call(path, { as: null }), 401, 'unauthenticated')
    }
  })
})

describe('a token', () => {
  test('gives one certificate, of its profile without asking', async () => {
    const { id, token } = await ca.token({ profile: 'peer', names: NAMES })
    const issued = await enrol(token)
    expect(issued.json).toMatchObject({ profile: 'peer', principal: `token:${id}` })
    expect(await stateOf(id)).toMatchObject({ state: 'spent', spentOn: issued.json.serialNumber })
    const before = await ca.inventory()
    expectProblem(await enrol(token), 403, 'tokenSpent', /Ask an admin/)
    expect(await ca.inventory()).toEqual(before)
  })

  test('is bound to its profile and its names, and a refusal does not spend it', async () => {
    const { id, token } = await ca.token({ names: { dns: ['web.example.test', 'www.example.test'] } })
    expectProblem(await enrol(token, { csr, profile: 'client' }), 403, 'forbidden', /"server" alone/)
    const more = csrPem(['dns:web.example.test', 'dns:other.example.test'])
    expectProblem(await enrol(token, { csr: more }), 403, 'nameNotAllowed', /dns:other\.example\.test/)
    const named = { csr, names: { dns: ['web.example.test', 'sub.web.example.test'] } }
    expectProblem(await enrol(token, named), 403, 'nameNotAllowed')
    // An address is no DNS name, whatever it is written as.
    expectProblem(await enrol(token, { csr, names: { ip: ['192.0.2.1'] } }), 403, 'nameNotAllowed')
    expect(await stateOf(id)).toMatchObject({ state: 'open' })
    expect((await ca.audit('certificate.refuse'))[0]).toMatchObject({
      actor: `token:${id}`,
      result: 'refused',
    })
    expect((await enrol(token)).status).toBe(201)
  })

  test('leaves the choice of the authority to admins', async () => {
    const { token } = await ca.token({ names: NAMES })
    expectProblem(await enrol(token, { csr, authority: 'intermediate' }), 403, 'forbidden', /Only an admin/)
    expect((await enrol(token)).status).toBe(201)
  })

  test('does not lift what the profile refuses', async () => {
    const { token } = await ca.token({ names: { dns: ['*.example.test'] } })
    expectProblem(
      await enrol(token, { csr: csrPem(['dns:*.example.test']) }),
      403,
      'nameNotAllowed',
      /no wildcards/,
    )
  })

  test('is good until its last second and no longer', async () => {
    const [early, late] = [
      await ca.token({ names: NAMES, ttl: '60s' }),
      await ca.token({ names: NAMES, ttl: '60s' }),
    ]
    ca.now += 59_000
    expect((await enrol(early.token)).status).toBe(201)
    ca.now += 1000
    expectProblem(await enrol(late.token), 401, 'unauthenticated', /has expired/)
    expect(await stateOf(late.id)).toMatchObject({ state: 'expired' })
  })

  test('revoked is dead, and the second time changes nothing', async () => {
    const { id, token } = await ca.token({ names: NAMES })
    const revoke = () => ca.call(`/v1/tokens/${id}`, { method: 'DELETE' })
    expect((await revoke()).json).toEqual({ id, changed: true })
    expect((await revoke()).json).toEqual({ id, changed: false })
    expectProblem(await enrol(token), 401, 'unauthenticated', /revoked/)
    expect(await stateOf(id)).toMatchObject({ state: 'revoked' })
    expect((await ca.audit('token.revoke')).filter((row) => row.target === String(id))).toHaveLength(1)
    expectProblem(await ca.call('/v1/tokens/999999', { method: 'DELETE' }), 404, 'notFound')
    expectProblem(await ca.call('/v1/tokens/x', { method: 'DELETE' }), 400, 'malformedRequest')
  })

  test('used by fifty at once gives exactly one certificate', async () => {
    const { id, token } = await ca.token({ names: NAMES })
    const before = await ca.inventory()
    const refusals = (await ca.audit('certificate.refuse')).length
    const csrs = Array.from({ length: 50 }, () => csrPem(['dns:web.example.test']))
    const answers = await Promise.all(csrs.map((one) => enrol(token, { csr: one })))
    const [won, lost] = [201, 403].map((status) => answers.filter((answer) => answer.status === status))
    expect([won!.length, lost!.length]).toEqual([1, 49])
    for (const answer of lost!) expectProblem(answer, 403, 'tokenSpent')
    expect((await ca.inventory()).length).toBe(before.length + 1)
    expect((await stateOf(id)).spentOn).toBe(won![0]!.json.serialNumber)
    expect(await ca.audit('certificate.refuse')).toHaveLength(refusals + 49)
  })
})

describe('a spent token', () => {
  test('fetches its certificate again by the same Idempotency-Key, also after its expiry, and no other', async () => {
    const { token } = await ca.token({ names: NAMES, ttl: '1h' })
    const headers = { 'idempotency-key': 'retry-1' }
    const first = await enrol(token, { csr }, headers)
    expect(first.status).toBe(201)
    ca.now += 2 * 3600 * 1000
    const again = await enrol(token, { csr }, headers)
    expect(again.json.certificate).toBe(first.json.certificate)
    expectProblem(
      await enrol(token, { csr: csrPem(['dns:web.example.test']) }, headers),
      422,
      'idempotencyConflict',
    )
    expectProblem(await enrol(token, { csr }, { 'idempotency-key': 'retry-2' }), 403, 'tokenSpent')
    expectProblem(await enrol(token), 403, 'tokenSpent')
  })

  test('is no credential for anything else, and a day after its use for nothing', async () => {
    const { token } = await ca.token({ names: NAMES, ttl: '30d' })
    const headers = { 'idempotency-key': 'elsewhere' }
    expect((await ca.call('/v1/profiles', { as: token })).status).toBe(200)
    const { json } = await enrol(token, { csr }, headers)
    for (const [method, path] of [
      ['GET', '/v1/profiles'],
      ['GET', `/v1/certificates/${json.serialNumber}`],
      ['POST', `/v1/certificates/${json.serialNumber}/revoke`],
      ['GET', '/v1/certificates'],
      ['GET', '/v1/authorities'],
      ['GET', '/v1/tokens'],
    ] as const) {
      expectProblem(await ca.call(path, { as: token, method }), 403, 'tokenSpent')
    }
    ca.now += DAY * 1000 - 1
    expect((await enrol(token, { csr }, headers)).json.serialNumber).toBe(json.serialNumber)
    ca.now += 1
    expectProblem(await enrol(token, { csr }, headers), 401, 'unauthenticated', /used up/)
    expectProblem(await ca.call('/v1/profiles', { as: token }), 401, 'unauthenticated', /used up/)
  })

  test('cannot fill the audit log: its refusals are in the log alone', async () => {
    const { id, token } = await ca.token({ names: NAMES })
    const headers = { 'idempotency-key': 'noisy' }
    const { json } = await enrol(token, { csr }, headers)
    const before = (await ca.audit('certificate.refuse')).length
    const logged = ca.log.length
    const other = csrPem(['dns:web.example.test'])
    expectProblem(await enrol(token), 403, 'tokenSpent')
    expectProblem(await enrol(token, { csr: 'nonsense' }), 400, 'malformedPem')
    expectProblem(await enrol(token, { csr: other }, headers), 422, 'idempotencyConflict')
    const renewal = await ca.call(`/v1/certificates/${json.serialNumber}/renew`, { as: token, body: { csr } })
    expectProblem(renewal, 403, 'tokenSpent')
    expect(await ca.audit('certificate.refuse')).toHaveLength(before)
    const shown = ca.log.slice(logged).filter((line) => line.includes('A spent token was shown'))
    expect(shown).toHaveLength(4)
    for (const line of shown) expect(line).toContain(`"token:${id}"`)
  })

  test('concurrent retries of one request all get the one certificate', async () => {
    const { token } = await ca.token({ names: NAMES })
    const headers = { 'idempotency-key': 'together' }
    const answers = await Promise.all(Array.from({ length: 20 }, () => enrol(token, { csr }, headers)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201))
    expect(new Set(answers.map(({ json }) => json.serialNumber)).size).toBe(1)
  })

  test('that is revoked fetches nothing any more', async () => {
    const { id, token } = await ca.token({ names: NAMES })
    const headers = { 'idempotency-key': 'gone' }
    expect((await enrol(token, { csr }, headers)).status).toBe(201)
    await ca.call(`/v1/tokens/${id}`, { method: 'DELETE' })
    expectProblem(await enrol(token, { csr }, headers), 401, 'unauthenticated')
  })
})

test('the list goes by pages, the newest first', async () => {
  const ids: number[] = []
  let after = ''
  do {
    const { json } = await ca.call(`/v1/tokens?limit=2${after && `&after=${encodeURIComponent(after)}`}`)
    expect(json.tokens.length).toBeLessThanOrEqual(2)
    ids.push(...json.tokens.map(({ id }: { id: number }) => id))
    after = json.next
  } while (after)
  const all = (await ca.call('/v1/tokens?limit=1000')).json.tokens.map(({ id }: { id: number }) => id)
  expect(ids).toEqual(all)
  expect(ids).toEqual([...ids].sort((a, b) => b - a))
  expect(ids.length).toBeGreaterThan(5)
})

test('thirty days is the longest life', async () => {
  const { expiresAt } = await ca.token({ names: NAMES, ttl: '30d' })
  expect(Date.parse(expiresAt) - ca.now).toBe(30 * DAY * 1000)
})
