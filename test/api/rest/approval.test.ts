import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Profile } from '../../../src/config/profile-schema.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrDer, csrPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: {
      acme: { profiles: ['short-lived'] },
      approvals: { retryAfter: '90s' },
      profiles: {
        server: { approval: 'enrol' },
        refusing: { extends: 'server', commonName: 'refuse' },
      },
    },
  })
})
afterAll(() => ca.close())

const NAMES = ['dns:a.example.test', 'dns:b.example.test']

async function token(ttl = '1h', profile = 'server') {
  return ca.token({ names: { dns: NAMES.map((name) => name.slice(4)) }, profile, ttl })
}

const ask = (as: string, csr = csrPem(NAMES), wishes: object = {}, headers: Record<string, string> = {}) =>
  ca.call('/v1/certificates', { as, body: { csr, ...wishes }, headers })

/** A request that waits, with what is needed to make it again. */
async function pending(wishes: object = {}, csr = csrPem(NAMES), ttl = '1h', profile = 'server') {
  const { token: secret, id: tokenId } = await token(ttl, profile)
  const answer = await ask(secret, csr, wishes)
  expect(answer.status, answer.text).toBe(202)
  return { secret, tokenId, csr, wishes, id: answer.json.id as number, answer }
}

const approve = (id: number, body?: object) =>
  ca.call(`/v1/requests/${id}/approve`, { method: 'POST', ...(body ? { body } : {}) })
const refuse = (id: number, reason = 'Nobody knows this device.') =>
  ca.call(`/v1/requests/${id}/refuse`, { body: { reason } })
const look = (id: number, as?: string) => ca.call(`/v1/requests/${id}`, as === undefined ? {} : { as })

describe('a request of a profile that needs approval', () => {
  test('is answered with 202, is on record, and issues nothing', async () => {
    const before = await ca.inventory()
    const { answer, id, tokenId } = await pending({ validity: '30d' })
    expect(answer.json).toEqual({
      id,
      state: 'pending',
      statusUrl: `/v1/requests/${id}`,
      expiresAt: new Date(ca.now + 7 * DAY * 1000).toISOString().replace('.000', ''),
      retryAfter: 90,
    })
    expect(answer.headers).toMatchObject({ location: `/v1/requests/${id}`, 'retry-after': '90' })
    expect(await ca.inventory()).toEqual(before)
    expect((await look(id)).json).toMatchObject({
      state: 'pending',
      requestedBy: `token:${tokenId}`,
      protocol: 'rest',
      profile: 'server',
      names: { dns: ['a.example.test', 'b.example.test'] },
      keyType: 'P-256',
      validity: 30 * DAY,
      decidedBy: null,
      certificate: null,
    })
    expect((await ca.audit('request.create'))[0]).toMatchObject({
      actor: `token:${tokenId}`,
      target: String(id),
      detail: { profile: 'server', names: NAMES },
    })
  })

  test('stays one request, however often it is made, and with whatever signature', async () => {
    const key = newKey()
    const { secret, id } = await pending({}, csrPem(NAMES, { key }))
    const count = (await ca.audit('request.create')).length
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(secret, csrPem(NAMES, { key }))))
    expect(answers.map(({ status, json }) => [status, json.id])).toEqual(answers.map(() => [202, id]))
    expect(await ca.audit('request.create')).toHaveLength(count)
  })

  test('made ten times at once is one request', async () => {
    const { token: secret } = await token()
    const csr = csrPem(NAMES)
    const answers = await Promise.all(Array.from({ length: 10 }, () => ask(secret, csr)))
    expect(answers.every(({ status }) => status === 202)).toBe(true)
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1)
  })

  test('of an admin needs none', async () => {
    await ca.enrol(csrPem(NAMES), { profile: 'server' })
  })

  test.for([
    ['a broken signature', () => broken(csrDer(NAMES)), 400, 'badCsrSignature'],
    ['bytes that are no CSR', () => Buffer.from('3000', 'hex'), 400, 'malformedCsr'],
    ['a name that its token does not list', () => csrDer(['dns:c.example.test']), 403, 'nameNotAllowed'],
  ] as const)('is not recorded for %s', async ([, body, status, code]) => {
    const { token: secret, id } = await token()
    const before = (await ca.call('/v1/requests?limit=1000')).json.requests
    const answer = await ca.call('/v1/certificates', {
      as: secret,
      body: body(),
      headers: { 'content-type': 'application/pkcs10' },
    })
    expectProblem(answer, status, code)
    expect((await ca.call('/v1/requests?limit=1000')).json.requests).toEqual(before)
    expect((await ca.service.store.read.token(id))?.request).toBeNull()
  })

  test('tells nothing to whoever repeats it without the key', async () => {
    const key = newKey()
    const { secret, id } = await pending({}, csrPem(NAMES, { key }))
    await approve(id)
    const answer = await ca.call('/v1/certificates', {
      as: secret,
      body: broken(csrDer(NAMES, { key })),
      headers: { 'content-type': 'application/pkcs10' },
    })
    expectProblem(answer, 400, 'badCsrSignature')
  })

  test('can be looked at by its caller and admins alone', async () => {
    const { id, secret } = await pending()
    const own = await look(id, secret)
    expect(own.json).toMatchObject({ id, state: 'pending' })
    expect(own.json).not.toHaveProperty('decidedBy')
    const { token: other } = await token()
    expectProblem(await look(id, other), 404, 'notFound')
    expectProblem(await look(999_999), 404, 'notFound')
    expectProblem(await ca.call('/v1/requests', { as: secret }), 403, 'forbidden')
    for (const verb of ['approve', 'refuse']) {
      const body = verb === 'refuse' ? { reason: 'x' } : {}
      expectProblem(await ca.call(`/v1/requests/${id}/${verb}`, { as: secret, body }), 403, 'forbidden')
    }
  })
})

describe('an approval', () => {
  test('issues to the caller, in the admin’s name, and the next try gets the certificate', async () => {
    const { id, secret, csr, tokenId } = await pending()
    const issued = await approve(id)
    expect(issued.status, issued.text).toBe(201)
    const { serialNumber } = issued.json
    expect(issued.headers.location).toBe(`/v1/certificates/${serialNumber}`)
    expect(issued.json).toMatchObject({ principal: `token:${tokenId}`, profile: 'server' })
    expect((await ca.audit('certificate.issue'))[0]).toMatchObject({
      actor: 'admin:default',
      target: serialNumber,
      detail: { request: id, requestedBy: `token:${tokenId}` },
    })
    const again = await ask(secret, csr)
    expect([again.status, again.json.certificate]).toEqual([201, issued.json.certificate])
    expect((await look(id, secret)).json).toMatchObject({
      state: 'approved',
      serialNumber,
      certificate: { serialNumber },
    })
    expect((await ca.service.store.read.token(tokenId))?.spentOn).toBe(serialNumber)
  })

  test('happens once, however many admins give it at once', async () => {
    const { id, tokenId } = await pending()
    const answers = await Promise.all(Array.from({ length: 8 }, () => approve(id)))
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1)
    for (const answer of answers.filter(({ status }) => status !== 201))
      expectProblem(answer, 409, 'conflict', /approved already/)
    const issued = (await ca.certificates()).filter(({ principal }) => principal === `token:${tokenId}`)
    expect(issued).toHaveLength(1)
  })

  test('and a refusal at once end in one of the two', async () => {
    const { id, secret, csr } = await pending()
    const statuses = (await Promise.all([approve(id), refuse(id)])).map(({ status }) => status)
    expect(statuses.filter((status) => status === 409)).toHaveLength(1)
    expect((await ask(secret, csr)).status).toBe(statuses[0] === 201 ? 201 : 403)
  })

  test('comes after the token’s own time, and after a restart', async () => {
    const { id, secret, csr } = await pending({}, csrPem(NAMES), '10m')
    ca.now += DAY * 1000
    await ca.reopen()
    expect((await ask(secret, csr)).status).toBe(202)
    expectProblem(await ask(secret), 403, 'tokenSpent', /belongs to request/)
    const issued = await approve(id)
    expect(issued.status, issued.text).toBe(201)
    ca.now += 6 * DAY * 1000
    expect((await ask(secret, csr)).json.serialNumber).toBe(issued.json.serialNumber)
    expectProblem(await ask(secret), 403, 'tokenSpent')
  })

  test('is needed for what waits already, also once the profile needs none', async () => {
    const { secret, csr, id } = await pending({}, csrPem(NAMES), '30d')
    const { profiles } = ca.service as unknown as { profiles: Map<string, Profile> }
    const server = profiles.get('server')!
    profiles.set('server', { ...server, approval: 'none' })
    try {
      expect((await ask(secret, csr)).json.id).toBe(id)
      ca.now += 7 * DAY * 1000
      expect((await ask(secret, csr)).json).toMatchObject({ id, state: 'pending' })
      expect((await approve(id)).status).toBe(201)
    } finally {
      profiles.set('server', server)
    }
  })

  test('is refused once the request has expired, which may then be made anew', async () => {
    const { id, secret, csr } = await pending({}, csrPem(NAMES), '30d')
    ca.now += 7 * DAY * 1000
    expectProblem(await approve(id), 409, 'conflict', /has expired/)
    expectProblem(await refuse(id), 409, 'conflict', /has expired/)
    expect((await look(id, secret)).json.state).toBe('expired')
    expect((await ask(secret, csr)).json).toMatchObject({ id, state: 'pending' })
    expect((await approve(id)).status).toBe(201)
  })

  test('a moment before the request expires is one', async () => {
    const { id } = await pending()
    ca.now += 7 * DAY * 1000 - 1
    expect((await approve(id)).status).toBe(201)
    ca.now += 1
  })

  test('issues nothing for a token that was revoked meanwhile', async () => {
    const { id, tokenId } = await pending()
    await ca.call(`/v1/tokens/${tokenId}`, { method: 'DELETE' })
    const before = await ca.inventory()
    expectProblem(await approve(id), 403, 'tokenSpent')
    expect(await ca.inventory()).toEqual(before)
    expect((await look(id)).json.state).toBe('pending')
    expect((await ca.audit('certificate.refuse'))[0]).toMatchObject({
      actor: 'admin:default',
      detail: { request: id, code: 'tokenSpent' },
    })
  })

  test('of a request that does not exist is not found', async () => {
    expectProblem(await approve(999_999), 404, 'notFound')
    expectProblem(await refuse(999_999), 404, 'notFound')
  })
})

describe('an approval may narrow', () => {
  test('names, and the common name goes with its name', async () => {
    const { id } = await pending({}, csrPem(NAMES, { commonName: 'a.example.test' }))
    const issued = await approve(id, { names: { dns: ['b.example.test'] } })
    expect(issued.json).toMatchObject({ subject: '', names: { dns: ['b.example.test'] } })
    expect(new X509Certificate(issued.json.certificate).subjectAltName).toBe('DNS:b.example.test')
    expect((await ca.audit('certificate.issue'))[0]!.detail).toMatchObject({ names: ['dns:b.example.test'] })
  })

  test('names where the profile refuses other common names', async () => {
    const csr = csrPem(NAMES, { commonName: 'a.example.test' })
    const { id } = await pending({}, csr, '1h', 'refusing')
    const issued = await approve(id, { names: ['b.example.test'] })
    expect(issued.json, issued.text).toMatchObject({ subject: '', names: { dns: ['b.example.test'] } })
  })

  test('the life', async () => {
    const { id } = await pending({ validity: '30d' })
    const issued = await approve(id, { validity: '1d' })
    expect(Date.parse(issued.json.notAfter)).toBe(ca.now + DAY * 1000)
    const { id: other } = await pending()
    const notAfter = new Date(ca.now + 3600_000).toISOString()
    expect(Date.parse((await approve(other, { notAfter })).json.notAfter)).toBe(ca.now + 3600_000)
  })

  test.for([
    ['a name', {}, { names: { dns: ['a.example.test', 'c.example.test'] } }, 'nameNotAllowed', /c\.example/],
    ['all names away', {}, { names: {} }, 'badName', /names nothing/],
    ['the life that was asked for', { validity: '30d' }, { validity: '31d' }, 'validityNotAllowed', /30d/],
    ['the profile’s life', {}, { validity: '91d' }, 'validityNotAllowed', /90d/],
    ['two lives', {}, { validity: '1d', notAfter: '2099-01-01T00:00:00Z' }, 'validityNotAllowed', /./],
    ['the end', { validity: '30d' }, { notAfter: '2099-01-01T00:00:00Z' }, 'validityNotAllowed', /./],
  ] as const)('and not widen: %s', async ([, wishes, narrowed, code, detail]) => {
    const { id } = await pending(wishes)
    const before = await ca.inventory()
    expectProblem(await approve(id, narrowed), code === 'badName' ? 400 : 403, code, detail)
    expect(await ca.inventory()).toEqual(before)
    expect((await look(id)).json.state).toBe('pending')
  })

  test('and no subject or profile, which are keys that nobody knows', async () => {
    const { id } = await pending()
    for (const key of ['subject', 'profile', 'csr', 'authority'])
      expectProblem(await approve(id, { [key]: 'server' }), 400, 'malformedRequest')
  })
})

describe('a refusal', () => {
  test('is heard at the next try, with its reason, and stays', async () => {
    const { id, secret, csr } = await pending({}, csrPem(NAMES), '10m')
    const audited = (await ca.audit('certificate.refuse')).length
    expect((await refuse(id)).json).toMatchObject({ state: 'refused', decidedBy: 'admin:default' })
    ca.now += 3600_000
    for (let tries = 0; tries < 3; tries++)
      expectProblem(await ask(secret, csr), 403, 'requestRefused', /Nobody knows this device\.$/)
    expect(await ca.audit('certificate.refuse')).toHaveLength(audited)
    expect((await look(id, secret)).json).toMatchObject({
      state: 'refused',
      reason: 'Nobody knows this device.',
    })
    expectProblem(await approve(id), 409, 'conflict', /refused already/)
    expectProblem(await ask(secret), 403, 'tokenSpent')
    expect((await ca.audit('request.deny'))[0]).toMatchObject({ actor: 'admin:default', target: String(id) })
  })

  test.for([{}, { reason: '' }, { reason: ' ' }, { reason: 'two\nlines' }, { reason: 'x'.repeat(501) }])(
    'needs one line of reason: %j',
    async (body) => {
      const { id } = await pending()
      expectProblem(await ca.call(`/v1/requests/${id}/refuse`, { body }), 400, 'malformedRequest')
      expect((await look(id)).json.state).toBe('pending')
    },
  )
})

describe('a token that was used for a request', () => {
  test('asks for nothing else', async () => {
    const { secret, tokenId, id } = await pending()
    const state = async () =>
      (await ca.call('/v1/tokens?limit=1000')).json.tokens.find((one: { id: number }) => one.id === tokenId)
    expect(await state()).toMatchObject({ state: 'pending' })
    expectProblem(
      await ask(secret, csrPem(['dns:a.example.test'])),
      403,
      'tokenSpent',
      new RegExp(`request ${id}\\b`),
    )
    const old = await ca.enrol(csrPem(['dns:a.example.test']), { profile: 'server' })
    const renewal = await ca.call(`/v1/certificates/${old.serialNumber}/renew`, {
      as: secret,
      body: { csr: csrPem(['dns:a.example.test']) },
    })
    expectProblem(renewal, 403, 'tokenSpent')
    await approve(id)
    expect(await state()).toMatchObject({ state: 'spent' })
  })

  test('and at the same time for a renewal is used for one of them', async () => {
    const old = await ca.enrol(csrPem(['dns:a.example.test']), { profile: 'server' })
    const { token: secret, id } = await token()
    const answers = await Promise.all([
      ask(secret),
      ca.call(`/v1/certificates/${old.serialNumber}/renew`, {
        as: secret,
        body: { csr: csrPem(['dns:a.example.test']) },
      }),
    ])
    expect(answers.map(({ status }) => status).sort()).toEqual([202, 403])
    expect((await ca.service.store.read.token(id))!).toMatchObject({
      spentOn: null,
      request: { state: 'pending' },
    })
  })

  test('waits for a renewal too, though certificates may renew themselves: it proves no old key', async () => {
    const old = await ca.enrol(csrPem(['dns:a.example.test']), { profile: 'server' })
    const { token: secret } = await token()
    const call = { as: secret, body: { csr: csrPem(['dns:a.example.test']) } }
    const renew = () => ca.call(`/v1/certificates/${old.serialNumber}/renew`, call)
    const waiting = await renew()
    expect(waiting.status, waiting.text).toBe(202)
    const issued = await approve(waiting.json.id)
    expect(issued.json, issued.text).toMatchObject({ replaces: old.serialNumber })
    expect((await renew()).json.serialNumber).toBe(issued.json.serialNumber)
  })

  test('is over with its request, if its own time is over too', async () => {
    const { secret, csr } = await pending({}, csrPem(NAMES), '10m')
    ca.now += 7 * DAY * 1000
    expectProblem(await ask(secret, csr), 401, 'unauthenticated', /expired/)
  })
})

describe('an Idempotency-Key', () => {
  test('of a request that waits is recorded with the certificate', async () => {
    const { token: secret } = await token()
    const csr = csrPem(NAMES)
    const headers = { 'idempotency-key': 'waiting-1' }
    const { id } = (await ask(secret, csr, {}, headers)).json
    expect((await ask(secret, csr, {}, headers)).json.id).toBe(id)
    expectProblem(await ask(secret, csrPem(NAMES), {}, headers), 422, 'idempotencyConflict')
    const { serialNumber } = (await approve(id)).json
    expect((await ask(secret, csr, {}, headers)).json.serialNumber).toBe(serialNumber)
    expectProblem(await ask(secret, csrPem(NAMES), {}, headers), 422, 'idempotencyConflict')
  })
})

test('the list is filtered by state, page by page', async () => {
  const listed = async (query: string) => (await ca.call(`/v1/requests?${query}`)).json
  const { id } = await pending()
  const first = await listed('state=pending&limit=1')
  expect(first.requests).toMatchObject([{ id, state: 'pending' }])
  for (const state of ['pending', 'approved', 'refused', 'expired']) {
    const { requests } = await listed(`state=${state}&limit=1000`)
    expect(requests.length, state).toBeGreaterThan(0)
    expect(requests.every((one: { state: string }) => one.state === state)).toBe(true)
  }
  const all = (await listed('limit=1000')).requests.map((one: { id: number }) => one.id)
  expect(all).toEqual([...all].sort((a, b) => b - a))
  const second = await listed(`limit=1&after=${(await listed('limit=1')).next}`)
  expect(second.requests[0].id).toBe(all[1])
  expectProblem(await ca.call('/v1/requests?state=lost'), 400, 'malformedRequest')
})

test('what is over is forgotten in its time', async () => {
  const { id: approved, secret, csr } = await pending()
  const { id: refused } = await pending()
  const { id: open } = await pending()
  await approve(approved)
  await refuse(refused)
  const sweep = async () => {
    while ((await ca.service.store.write('sweepRequests', { now: ca.seconds, limit: 1 })).more);
  }
  const there = async () =>
    Promise.all([approved, refused, open].map(async (id) => (await look(id)).status === 200))
  ca.now += 7 * DAY * 1000
  await sweep()
  expect(await there()).toEqual([true, false, true])
  ca.now += 7 * DAY * 1000
  await sweep()
  expect(await there()).toEqual([true, false, false])
  expect((await ask(secret, csr)).status).toBe(201)
  ca.now += 16 * DAY * 1000
  await sweep()
  expect(await there()).toEqual([false, false, false])
  expectProblem(await ask(secret, csr), 401, 'unauthenticated')
})

function broken(der: Buffer): Buffer {
  der[der.length - 1]! ^= 1
  return der
}
