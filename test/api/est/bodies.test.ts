import { createPublicKey, type KeyObject, sign } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { context } from '../../../src/pki/der/write.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { buildCsr, dnsNames, requesting } from '../../pki/csr/building.ts'
import { csrDer, newKey } from '../requests.ts'
import { basic, EstCa } from './est-ca.ts'
import { certificatesOf } from './messages.ts'

const WEB = ['dns:web.example.test']

let est: EstCa
let user: [string, string]
beforeAll(async () => {
  est = await EstCa.create({
    est: { names: ['example.test'], labels: { wrapped: { lineLength: 64 } } },
  })
  user = await est.user()
})
afterAll(() => est.close())

const lines = (text: string, length: number, end: string) =>
  text.replace(new RegExp(`.{1,${length}}`, 'g'), `$&${end}`)

describe.each(['simpleenroll', 'serverkeygen', 'wrapped/simpleenroll'])('%s reads base64', (at) => {
  const text = csrDer(WEB).toString('base64')

  test.each([
    ['in one line', text],
    ['with a line end behind it', `${text}\n`],
    ['in lines of 64 by LF', lines(text, 64, '\n')],
    ['in lines of 76 by CRLF', lines(text, 76, '\r\n')],
    ['in lines of 1', lines(text, 1, '\n')],
    ['with spaces and tabs', lines(text, 10, ' \t')],
    ['in PEM', encodePem('CERTIFICATE REQUEST', Buffer.from(text, 'base64'))],
    ['in old PEM', encodePem('NEW CERTIFICATE REQUEST', Buffer.from(text, 'base64'))],
  ])('%s', async (_, csr) => {
    const { status, text: said } = await est.ask({ at, csr, user })
    expect(status, said).toBe(200)
  })

  test.each(['base64', 'BASE64', 'binary', '8bit', 'quoted-printable', ''])(
    'whatever Content-Transfer-Encoding says: "%s"',
    async (encoding) => {
      const headers = { 'content-transfer-encoding': encoding }
      expect((await est.ask({ at, csr: text, user, headers })).status).toBe(200)
    },
  )

  test.each(['application/pkcs10; charset=utf-8', 'APPLICATION/PKCS10', 'application/pkcs10;smime-type=x'])(
    'as %s',
    async (type) => {
      expect((await est.ask({ at, csr: text, user, headers: { 'content-type': type } })).status).toBe(200)
    },
  )
})

/** One octet of the signature, or of what is signed, is another. */
function flipped(der: Buffer, at: number): Buffer {
  const copy = Buffer.from(der)
  copy[at < 0 ? der.length + at : at]! ^= 1
  return copy
}

const key = newKey()
const other = newKey()
const good = csrDer(WEB, { key })
const NONE = Buffer.of(0x30, 0)
const attributes = requesting(dnsNames('web.example.test'))
const spki = (of: KeyObject) => createPublicKey(of).export({ type: 'spki', format: 'der' })

describe.each(['simpleenroll', 'simplereenroll'])('%s refuses with 400', (at) => {
  test.each<[string, Buffer | string]>([
    ['text that is not base64', 'no base64!'],
    ['base64 without its padding', good.toString('base64').replace(/=*$/, '').slice(0, -1)],
    ['base64 for URLs', '-_-_'],
    ['base64 with more behind its end', `${Buffer.from('x').toString('base64')}AAAA`],
    ['white space alone', ' \r\n'],
    ['PEM of something else', encodePem('CERTIFICATE', good)],
    ['PEM twice', encodePem('CERTIFICATE REQUEST', good).repeat(2)],
    ['PEM without its end', encodePem('CERTIFICATE REQUEST', good).replace(/-----END.*/, '')],
    ['DER that is not encoded', good.toString('latin1')],
    ['base64 of base64', Buffer.from(good.toString('base64'))],
    ['base64 of PEM', Buffer.from(encodePem('CERTIFICATE REQUEST', good))],
    ['one octet', Buffer.of(0)],
    ['DER that is no CSR', Buffer.from('3003020100', 'hex')],
    ['a CSR that is cut off', good.subarray(0, -1)],
    ['a CSR with an octet behind it', Buffer.concat([good, Buffer.of(0)])],
    ['two CSRs', Buffer.concat([good, good])],
    ['a CSR with a changed signature', flipped(good, -1)],
    ['a CSR signed by another key', buildCsr({ key, subject: NONE, attributes, spki: spki(other) })],
    [
      'a CSR with an empty signature',
      buildCsr({ key, subject: NONE, attributes, sign: () => Buffer.alloc(0) }),
    ],
    [
      'a CSR signed with SHA-1',
      buildCsr({ key, subject: NONE, attributes, sign: (info) => sign('sha1', info, key) }),
    ],
    ['a CSR without names', buildCsr({ key, subject: NONE, attributes: context(0) })],
  ])('%s', async (what, csr) => {
    const { identity } = await est.holder(WEB)
    const { status } = await est.refused({ at, csr, ...(at === 'simpleenroll' ? { user } : { identity }) })
    // A re-enrolment must repeat the names: without any it asks for others.
    expect(status).toBe(what === 'a CSR without names' && at === 'simplereenroll' ? 403 : 400)
  })
})

test('what a known caller sends and is refused is in the audit log', async () => {
  const { identity, serialNumber } = await est.holder(WEB)
  const refusals = async (call: Parameters<EstCa['refused']>[0]) => {
    const before = (await est.ca.audit('certificate.refuse')).length
    await est.refused(call)
    const rows = await est.ca.audit('certificate.refuse')
    return rows.slice(0, rows.length - before).map(({ actor, detail }) => [actor, detail?.code])
  }
  const bad = flipped(good, -1)
  expect(await refusals({ csr: 'no base64!', user })).toEqual([[`est:${user[0]}`, 'malformedRequest']])
  expect(await refusals({ csr: Buffer.of(0), user })).toEqual([[`est:${user[0]}`, 'malformedCsr']])
  expect(await refusals({ csr: bad, user })).toEqual([[`est:${user[0]}`, 'badCsrSignature']])
  expect(await refusals({ at: 'serverkeygen', csr: Buffer.of(0), user })).toEqual([
    [`est:${user[0]}`, 'malformedCsr'],
  ])
  expect(await refusals({ at: 'simplereenroll', csr: Buffer.of(0), identity })).toEqual([
    [`certificate:${serialNumber}`, 'malformedCsr'],
  ])
  expect(await refusals({ csr: bad })).toEqual([])
})

test('an empty body is a bad request', async () => {
  expect((await est.refused({ user, csr: '' })).status).toBe(400)
  expect((await est.refused({ user })).status).toBe(400)
})

test.each([
  'application/octet-stream',
  'application/json',
  'text/plain',
  'application/pkcs7-mime',
  'application/x-pem-file',
])('a body of type %s is refused with 415', async (type) => {
  const { status, text } = await est.refused({ user, csr: good, headers: { 'content-type': type } })
  expect([status, text]).toEqual([415, 'The Content-Type must be application/pkcs10.\n'])
})

test('a body without a type is refused with 415', async () => {
  const before = await est.ca.inventory()
  const { status } = await est.ca.send('/.well-known/est/simpleenroll', {
    as: null,
    headers: { authorization: basic(...user) },
    body: good.toString('base64'),
  })
  expect(status).toBe(415)
  expect(await est.ca.inventory()).toEqual(before)
})

test('a body beyond the bound is refused with 413, and a CSR beyond its own with 400', async () => {
  expect((await est.refused({ user, csr: 'A'.repeat(96 * 1024 + 4) })).status).toBe(413)
  expect((await est.refused({ user, csr: Buffer.alloc(65_537, 0x30) })).status).toBe(400)
})

test('a header that stands twice is refused', async () => {
  const { status } = await est.ca.call('/.well-known/est/simpleenroll', {
    as: null,
    body: good.toString('base64'),
  })
  expect(status).toBe(415)
})

test('the certificate is for the key of the CSR and no other', async () => {
  const { body } = await est.ask({ csr: good, user })
  expect(certificatesOf(body)[0]!.publicKey.equals(createPublicKey(key))).toBe(true)
})

describe('serverkeygen', () => {
  test('ignores key and signature of the CSR (RFC 7030 4.4.1)', async () => {
    for (const csr of [flipped(good, -1), buildCsr({ key, subject: NONE, attributes, spki: spki(other) })]) {
      const { status, text } = await est.ask({ at: 'serverkeygen', csr, user })
      expect(status, text).toBe(200)
    }
  })
})
