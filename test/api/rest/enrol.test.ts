import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodePem } from '../../../src/pki/pem.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { csrDer, csrPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
})
afterAll(() => ca.close())

const enrol = (body: unknown, headers: Record<string, string> = {}, query = '') =>
  ca.call(`/v1/certificates${query}`, { body, headers })

test('the answer is 201 with all that a client needs', async () => {
  const key = newKey()
  const answer = await enrol({ csr: csrPem(['dns:web.example.test', 'ip:192.0.2.7'], { key }) })
  expect(answer.status).toBe(201)
  const { json } = answer
  expect(answer.headers.location).toBe(`/v1/certificates/${json.serialNumber}`)
  const leaf = new X509Certificate(json.certificate)
  expect(json).toEqual({
    serialNumber: leaf.serialNumber.toLowerCase(),
    authority: 'intermediate',
    profile: 'server',
    subject: '',
    names: { dns: ['web.example.test'], ip: ['192.0.2.7'], email: [], uri: [] },
    notBefore: leaf.validFromDate.toISOString().replace('.000', ''),
    notAfter: leaf.validToDate.toISOString().replace('.000', ''),
    issuedAt: ca.clock().toISOString().replace('.000', ''),
    principal: 'admin:default',
    state: 'valid',
    revocation: null,
    certificate: encodePem('CERTIFICATE', leaf.raw),
    chain: [ca.issuerPem],
    replaces: null,
    replacedBy: null,
  })
  expect(json.serialNumber).toMatch(/^[4-7][0-9a-f]{39}$/)
  expect(leaf.checkPrivateKey(key)).toBe(true)
  expect(leaf.verify(new X509Certificate(json.chain[0]).publicKey)).toBe(true)
  expect(new X509Certificate(json.chain[0]).verify(new X509Certificate(ca.rootPem).publicKey)).toBe(true)
  expect(leaf.validToDate.getTime() - ca.now).toBe(90 * DAY * 1000)
  // The same again under its Location.
  expect((await ca.call(String(answer.headers.location))).json).toEqual(json)
})

describe('the CSR may come', () => {
  const names = ['dns:forms.example.test']
  const forms: [string, () => unknown, Record<string, string>][] = [
    ['as PEM', () => csrPem(names), { 'content-type': 'application/x-pem-file' }],
    ['as PEM of text/plain', () => csrPem(names), { 'content-type': 'text/plain' }],
    ['as PEM named pkcs10', () => csrPem(names), { 'content-type': 'application/pkcs10' }],
    ['as DER', () => csrDer(names), { 'content-type': 'application/pkcs10' }],
    ['in JSON', () => ({ csr: csrPem(names) }), {}],
    [
      'under the old label',
      () => csrPem(names).replaceAll('CERTIFICATE REQ', 'NEW CERTIFICATE REQ'),
      { 'content-type': 'application/x-pem-file' },
    ],
    [
      'with the text that openssl req -text puts before it',
      () => `Certificate Request:\n    Data:\n${csrPem(names)}`,
      { 'content-type': 'application/x-pem-file' },
    ],
    [
      'with the byte order mark that Windows PowerShell writes',
      () => `\ufeff${csrPem(names)}`,
      { 'content-type': 'application/x-pem-file' },
    ],
    [
      'with lines that end in CRLF',
      () => csrPem(names).replaceAll('\n', '\r\n'),
      { 'content-type': 'application/x-pem-file' },
    ],
  ]
  test.for(forms)('%s', async ([, body, headers]) => {
    const answer = await enrol(body(), headers)
    expect(answer.status, answer.text).toBe(201)
    expect(answer.json.names.dns).toEqual(['forms.example.test'])
  })
})

test('with a bare CSR the wishes stand in the query', async () => {
  const headers = { 'content-type': 'application/pkcs10' }
  const answer = await enrol(csrDer(['dns:query.example.test']), headers, '?profile=client&validity=2h')
  expect(answer.json).toMatchObject({ profile: 'client' })
  expect(Date.parse(answer.json.notAfter) - ca.now).toBe(2 * 3600 * 1000)
  expectProblem(await enrol(csrDer(['dns:a.example.test']), headers, '?nonsense=1'), 400, 'malformedRequest')
  expectProblem(
    await enrol({ csr: csrPem(['dns:a.example.test']) }, {}, '?profile=client'),
    400,
    'malformedRequest',
    /leave the query out/,
  )
})

test('PEM comes back to who asks for it: leaf and intermediates, no root, no comments', async () => {
  for (const accept of [
    'application/pem-certificate-chain',
    'application/x-pem-file',
    'application/pem-certificate-chain, */*;q=0.1',
    'application/pem-certificate-chain, */*',
    'application/json;q=0.5, application/pem-certificate-chain',
  ]) {
    const answer = await enrol({ csr: csrPem(['dns:pem.example.test']) }, { accept })
    expect(answer.status).toBe(201)
    expect(answer.headers['content-type']).toBe('application/pem-certificate-chain')
    const serialNumber = String(answer.headers.location).split('/').at(-1)!
    const stored = await ca.service.store.read.certificate(serialNumber)
    expect(answer.text).toBe(encodePem('CERTIFICATE', stored!.der) + ca.issuerPem)
  }
})

test.each([
  // What PHP's client sends, which openapi-generator makes: it reads JSON.
  'application/json,application/problem+json;q=0.9,application/pem-certificate-chain;q=0.8',
  'application/json, application/pem-certificate-chain',
  'application/pem-certificate-chain;q=0.5, */*',
  'application/pem-certificate-chain;q=0, */*',
])('JSON comes back to who does not prefer PEM: %s', async (accept) => {
  const answer = await enrol({ csr: csrPem(['dns:pem.example.test']) }, { accept })
  expect(answer.status).toBe(201)
  expect(answer.json).toMatchObject({ state: 'valid' })
})

test('names may be given beside the CSR, and then replace its own', async () => {
  const answer = await enrol({
    csr: csrPem(['dns:ignored.example.test']),
    names: { dns: ['B.Example.Test', 'a.example.test'], ip: ['2001:DB8::0:1'] },
  })
  expect(answer.json.names).toMatchObject({ dns: ['b.example.test', 'a.example.test'], ip: ['2001:db8::1'] })
  expect(new X509Certificate(answer.json.certificate).subjectAltName).not.toContain('ignored')
})

describe('who may ask', () => {
  const csr = csrPem(['dns:who.example.test'])
  test('nobody without credentials, and the answer says which', async () => {
    const answer = await ca.call('/v1/certificates', { as: null, body: { csr } })
    expectProblem(answer, 401, 'unauthenticated', /enrolment token or an admin key/)
    expect(answer.headers['www-authenticate']).toBe('Bearer realm="chancery"')
  })

  test.for([
    ['a made-up admin key', `chancery_admin_${'A'.repeat(43)}`],
    ['a made-up token', `chancery_token_${'A'.repeat(43)}`],
    ['a secret of another kind', 'hunter2'],
  ])('not with %s', async ([, as]) => {
    expectProblem(
      await ca.call('/v1/certificates', { as: as!, body: { csr } }),
      401,
      'unauthenticated',
      /not known here/,
    )
  })

  test('not with the admin key as a token, or changed by one character', async () => {
    const last = ca.adminKey.at(-1) === 'A' ? 'B' : 'A'
    for (const as of [
      ca.adminKey.replace('admin', 'token'),
      ca.adminKey.slice(0, -1) + last,
      ca.adminKey.slice(0, -1),
    ]) {
      expectProblem(await ca.call('/v1/certificates', { as, body: { csr } }), 401, 'unauthenticated')
    }
  })

  test.for(['Basic YWRtaW46', 'Bearer', 'Bearer two words', ''])(
    'not by "Authorization: %s"',
    async (authorization) => {
      const answer = await ca.call('/v1/certificates', {
        as: null,
        headers: { authorization },
        body: { csr },
      })
      expectProblem(answer, 401, 'unauthenticated')
    },
  )
})

describe('refused, and nothing is written', () => {
  test.for<[string, Record<string, unknown>, number, string, RegExp]>([
    ['an unknown profile', { profile: 'nonsense' }, 400, 'unknownProfile', /Known: server, client/],
    [
      'the service’s own profile',
      { profile: 'chancery-tls' },
      400,
      'unknownProfile',
      /no profile "chancery-tls"/,
    ],
    ['an unknown authority', { authority: 'nonsense' }, 404, 'unknownAuthority', /Known: intermediate/],
    ['the root as authority', { authority: 'root' }, 409, 'conflict', /"root" does not issue/],
    ['a life over the maximum', { validity: '399d' }, 403, 'validityNotAllowed', /at most 398d/],
    ['no life at all', { validity: '0s' }, 400, 'malformedRequest', /expired already/],
    [
      'a notAfter in the past',
      { notAfter: '2001-01-01T00:00:00Z' },
      400,
      'malformedRequest',
      /expired already/,
    ],
    [
      'both kinds of life',
      { validity: '1h', notAfter: '2030-01-01T00:00:00Z' },
      400,
      'malformedRequest',
      /not both/,
    ],
    ['a life that is none', { validity: 'for ever' }, 400, 'malformedRequest', /duration/],
    [
      'names of a type the profile has not',
      { names: { email: ['a@example.test'] } },
      403,
      'nameNotAllowed',
      /email/,
    ],
  ])('%s', async ([, wish, status, code, detail]) => {
    const before = await ca.inventory()
    const refused = (await ca.audit('certificate.refuse')).length
    const answer = await enrol({ csr: csrPem(['dns:no.example.test']), ...wish })
    expectProblem(answer, status, code as 'internal', detail)
    expect(await ca.inventory()).toEqual(before)
    if (code === 'malformedRequest') return
    const [row, ...older] = await ca.audit('certificate.refuse')
    expect(older).toHaveLength(refused)
    expect(row).toMatchObject({
      actor: 'admin:default',
      result: 'refused',
      detail: { code },
      address: '127.0.0.1',
    })
  })
})

test('an issuance has an audit row that says who, whence, what and when', async () => {
  const { serialNumber } = await ca.enrol(csrPem(['dns:audited.example.test']))
  const [row] = (await ca.service.store.read.listAudit({ target: serialNumber }, { limit: 5 })).rows
  expect(row).toMatchObject({
    at: ca.now,
    actor: 'admin:default',
    address: '127.0.0.1',
    requestId: expect.stringMatching(/./),
    action: 'certificate.issue',
    target: serialNumber,
    result: 'ok',
    detail: { profile: 'server', authority: 'intermediate' },
  })
})

test('a CSR that cannot be read is refused on the record', async () => {
  expectProblem(
    await enrol({ csr: encodePem('CERTIFICATE REQUEST', Buffer.from('3000', 'hex')) }),
    400,
    'malformedCsr',
  )
  const [row] = await ca.audit('certificate.refuse')
  expect(row).toMatchObject({ actor: 'admin:default', result: 'refused', detail: { code: 'malformedCsr' } })
})

test('names may be one list, and a life a number of seconds', async () => {
  const names = ['db.example.test', '192.0.2.9', 'dns:web.example.test', '2001:DB8::1']
  const { json } = await enrol({ csr: csrPem([], {}), names, validity: 3600 })
  expect(json.names).toEqual({
    dns: ['db.example.test', 'web.example.test'],
    ip: ['192.0.2.9', '2001:db8::1'],
    email: [],
    uri: [],
  })
  expect(Date.parse(json.notAfter)).toBe(ca.now + 3_600_000)
})
