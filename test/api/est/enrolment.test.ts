import { X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Call, TestCa } from '../ca-fixture.ts'
import { csrDer, newKey } from '../requests.ts'
import { certificatesOf } from './messages.ts'

let ca: TestCa
beforeAll(async () => {
  ca = await TestCa.create({
    options: { est: { names: ['example.test'], labels: { devices: { profile: 'client' } } } },
  })
  await ca.listen()
})
afterAll(() => ca.close())

const basic = (name: string, password: string) =>
  `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`

const est = (operation: string, call: Call = {}) =>
  ca.send(`/.well-known/est/${operation}`, { as: null, method: 'POST', ...call })

const enrolling = (csr: Buffer, authorization: string): Call => ({
  headers: { 'content-type': 'application/pkcs10', authorization },
  body: csr.toString('base64'),
})

test('cacerts gives the chain up to the root', async () => {
  const { status, headers, body } = await est('cacerts', { method: 'GET' })
  expect(status).toBe(200)
  expect(headers['content-type']).toBe('application/pkcs7-mime; smime-type=certs-only')
  expect(headers['content-transfer-encoding']).toBe('base64')
  expect(headers['content-length']).toBe(String(body.length))
  const subjects = certificatesOf(body).map((one) => one.subject)
  expect(subjects).toHaveLength(2)
})

describe('simpleenroll', () => {
  test('with a token as the password, and again with the same CSR', async () => {
    const { token } = await ca.token({ names: ['dns:web.example.test'] })
    const call = enrolling(csrDer(['dns:web.example.test']), basic('anybody', token))
    const first = await est('simpleenroll', call)
    expect(first.status, first.text).toBe(200)
    const [leaf, ...others] = certificatesOf(first.body)
    expect(others).toEqual([])
    expect(leaf!.subjectAltName).toBe('DNS:web.example.test')
    const again = await est('simpleenroll', call)
    expect(again.body).toEqual(first.body)
  })

  test('is refused to strangers, who are asked for a password', async () => {
    const { status, headers } = await est('simpleenroll', {
      headers: { 'content-type': 'application/pkcs10' },
      body: csrDer(['dns:web.example.test']).toString('base64'),
    })
    expect(status).toBe(401)
    expect(headers['www-authenticate']).toBe('Basic realm="chancery"')
  })
})

test('simplereenroll renews what is shown, for a new key', async () => {
  const key = newKey()
  const { token } = await ca.token({ names: ['dns:web.example.test'], profile: 'peer' })
  const first = await est(
    'simpleenroll',
    enrolling(csrDer(['dns:web.example.test'], { key, commonName: 'web.example.test' }), basic('x', token)),
  )
  expect(first.status, first.text).toBe(200)
  const identity = {
    key: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
    certificate: certificatesOf(first.body)[0]!.toString(),
  }
  const csr = csrDer(['dns:web.example.test'], { commonName: 'web.example.test' })
  const renewed = await ca.send('/.well-known/est/simplereenroll', {
    identity,
    headers: { 'content-type': 'application/pkcs10' },
    body: csr.toString('base64'),
  })
  expect(renewed.status, renewed.text).toBe(200)
  expect(certificatesOf(renewed.body)[0]!.subject).toBe('CN=web.example.test')
  const [newest] = await ca.certificates()
  expect(newest!.replaces).toBe(new X509Certificate(identity.certificate).serialNumber.toLowerCase())
})

test('serverkeygen gives a key and its certificate', async () => {
  const { token } = await ca.token({ names: ['dns:web.example.test'] })
  const answer = await est('serverkeygen', enrolling(csrDer(['dns:web.example.test']), basic('x', token)))
  expect(answer.status, answer.text).toBe(200)
  expect(answer.headers['content-type']).toMatch(/^multipart\/mixed; boundary=/)
})
