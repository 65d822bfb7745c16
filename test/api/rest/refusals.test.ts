import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { encodeCsr } from '../../../src/pki/csr/encode.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { expectProblem, TestCa } from '../ca-fixture.ts'
import { csrDer, csrPem, keyPem, newKey } from '../requests.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create()
  await ca.listen()
})
afterAll(() => ca.close())

describe('what a known caller was refused is on record', () => {
  test('a holder who revokes another certificate', async () => {
    const key = newKey()
    const { serialNumber, certificate } = await ca.enrol(csrPem(['dns:own.example.test'], { key }))
    const other = await ca.enrol(csrPem(['dns:other.example.test']))
    const identity = { key: keyPem(key), certificate }
    const path = `/v1/certificates/${other.serialNumber}/revoke`
    expectProblem(await ca.send(path, { identity, body: {} }), 403, 'forbidden')
    expect((await ca.audit('request.refuse'))[0]).toMatchObject({
      actor: `certificate:${serialNumber}`,
      target: other.serialNumber,
      result: 'refused',
      detail: { code: 'forbidden', wanted: 'POST /v1/certificates/:serial/revoke' },
    })
  })

  test('an admin who revokes what was never issued, and makes a token for nothing', async () => {
    const serialNumber = '4f'.repeat(20)
    expectProblem(await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} }), 404, 'notFound')
    expect((await ca.audit('request.refuse'))[0]).toMatchObject({
      actor: 'admin:default',
      target: serialNumber,
    })
    expectProblem(await ca.call('/v1/tokens', { body: { names: {} } }), 400, 'malformedRequest')
    expect((await ca.audit('request.refuse'))[0]).toMatchObject({
      target: '',
      detail: { wanted: 'POST /v1/tokens' },
    })
  })

  test('an enrolment once, by the issuer; a stranger and a reader not at all', async () => {
    const before = (await ca.audit('request.refuse')).length
    const refused = (await ca.audit('certificate.refuse')).length
    const body = { csr: csrPem(['dns:a.example.test']), profile: 'nope' }
    expectProblem(await ca.call('/v1/certificates', { body }), 400, 'unknownProfile')
    expect(await ca.audit('certificate.refuse')).toHaveLength(refused + 1)
    expectProblem(await ca.call('/v1/tokens', { body: {}, as: null }), 401, 'unauthenticated')
    expectProblem(await ca.call('/v1/certificates/zz', { method: 'GET' }), 400, 'malformedRequest')
    expect((await ca.call('/v1/certificates/zz', { method: 'HEAD' })).status).toBe(400)
    expect(await ca.audit('request.refuse')).toHaveLength(before)
  })
})

describe('bodies', () => {
  const headers = { 'content-type': 'application/pkcs10' }

  test.each([
    ['zeros', Buffer.alloc(70_000)],
    ['letters', Buffer.alloc(70_000, 'A')],
    ['DER', Buffer.concat([csrDer(['dns:a.example.test']), Buffer.alloc(66_000)])],
  ])('more than a CSR may have is too large, even where it is none: %s', async (_what, body) => {
    expectProblem(await ca.call('/v1/certificates', { body, headers }), 413, 'bodyTooLarge')
  })

  test('the same inside JSON', async () => {
    const answer = await ca.call('/v1/certificates', { body: { csr: 'A'.repeat(70_000) } })
    expectProblem(answer, 413, 'bodyTooLarge')
  })

  test('a CSR may be the base64 of its DER alone', async () => {
    const csr = csrDer(['dns:base64.example.test']).toString('base64')
    expect((await ca.call('/v1/certificates', { body: { csr } })).status).toBe(201)
  })

  test('the same of the shortest CSR, which has a key and nothing else', async () => {
    const { privateKey: key } = generateKeyPairSync('ed25519')
    const csr = encodeCsr({ key, subject: encodeName([]), extensions: [] }).toString('base64')
    const body = { csr, names: { dns: ['short.example.test'] } }
    expect((await ca.call('/v1/certificates', { body })).status).toBe(201)
  })

  test('a content type does not matter where there is no body', async () => {
    const { serialNumber } = await ca.enrol(csrPem(['dns:empty.example.test']))
    const form = { 'content-type': 'application/x-www-form-urlencoded', 'content-length': '0' }
    const answer = await ca.call(`/v1/certificates/${serialNumber}/revoke`, {
      headers: form,
      body: Buffer.alloc(0),
    })
    expect(answer.json).toMatchObject({ changed: true, revocation: { reason: 'unspecified' } })
  })

  test('nor where nothing says that there is one, as in a DELETE of clients that name a type with each request', async () => {
    const { id } = await ca.token({ names: ['web.example.test'] })
    for (const type of ['application/json', 'application/x-www-form-urlencoded']) {
      const call = { method: 'DELETE', headers: { 'content-type': type } } as const
      expect((await ca.call(`/v1/tokens/${id}`, call)).status).toBe(200)
    }
    const typed = { 'content-type': 'application/json' }
    expectProblem(await ca.call('/v1/certificates', { method: 'POST', headers: typed }), 400, 'malformedCsr')
  })

  test('a transfer coding that is not known is named, and none of its body is misread', async () => {
    const send = (coding: string) =>
      ca.call('/v1/tokens', {
        body: { names: { dns: ['a.test'] } },
        headers: { 'transfer-encoding': coding },
      })
    expectProblem(await send('gzip, chunked'), 501, 'notSupported', /Transfer-Encoding/)
    expect((await send('Chunked')).status).toBe(201)
  })

  test('a compressed body is refused, not misread', async () => {
    const body = csrDer(['dns:a.example.test'])
    const gzip = { ...headers, 'content-encoding': 'gzip' }
    expectProblem(await ca.call('/v1/certificates', { body, headers: gzip }), 415, 'unsupportedMediaType')
  })
})
