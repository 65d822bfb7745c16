import { createHash, createPrivateKey, X509Certificate } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { octetString, oid, sequence } from '../../../src/pki/der/write.ts'
import { decryptBySecret, decryptWith, onlyKey, verifiedContent } from '../../pki/cms/reading.ts'
import { toolIsMissing } from '../../pki/external-tool.ts'
import { csrDer, newKey } from '../requests.ts'
import { attributedCsr, renaming } from './attributed-csr.ts'
import { EstCa } from './est-ca.ts'
import { certificatesOf } from './messages.ts'

const SYMMETRIC = '1.2.840.113549.1.9.16.2.37'
const ASYMMETRIC = '1.2.840.113549.1.9.16.2.54'
const NAMES = ['dns:pump.example.test']

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    profiles: {
      agreeing: { extends: 'peer', keyUsage: ['digitalSignature', 'keyAgreement'], keyTypes: ['P-256'] },
      slow: { extends: 'server', approval: 'enrol' },
      strict: { extends: 'server', extensions: 'refuse' },
    },
    est: {
      names: ['example.test'],
      labels: { none: { serverKeys: false }, slow: { profile: 'slow' }, strict: { profile: 'strict' } },
    },
  })
})
afterAll(() => est.close())

interface Part {
  readonly type: string
  readonly octets: Buffer
}

function partsOf({ headers, text }: { headers: Record<string, unknown>; text: string }): Part[] {
  const [, boundary] = /^multipart\/mixed; boundary=(\S+)$/.exec(String(headers['content-type'])) ?? []
  return text
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const [head, body] = part.split('\r\n\r\n') as [string, string]
      return { type: /Content-Type: (.*)\r\n/.exec(head)![1]!, octets: Buffer.from(body, 'base64') }
    })
}

async function keyAndCertificate(call: Parameters<EstCa['ask']>[0]) {
  const answer = await est.ask({ at: 'serverkeygen', ...call })
  expect(answer.status, answer.text).toBe(200)
  expect(answer.headers['cache-control']).toBe('no-store')
  const [key, certificate] = partsOf(answer) as [Part, Part]
  expect(certificate.type).toBe('application/pkcs7-mime; smime-type=certs-only')
  const [leaf] = certificatesOf(Buffer.from(certificate.octets.toString('base64')))
  return { key, leaf: leaf as X509Certificate }
}

test('the key in clear fits the certificate, and is not that of the CSR', async () => {
  const own = newKey()
  const { key, leaf } = await keyAndCertificate({ csr: csrDer(NAMES, { key: own }), user: await est.user() })
  expect(key.type).toBe('application/pkcs8')
  const made = createPrivateKey({ key: key.octets, format: 'der', type: 'pkcs8' })
  expect(leaf.checkPrivateKey(made)).toBe(true)
  expect(leaf.checkPrivateKey(own)).toBe(false)
  expect(leaf.subjectAltName).toBe('DNS:pump.example.test')
  expect(est.ca.log.join()).not.toContain(key.octets.toString('base64').slice(40, 80))
})

test('key and signature of the CSR count for nothing (RFC 7030 4.4.1)', async () => {
  const csr = Buffer.from(csrDer(NAMES))
  csr[csr.length - 1]! ^= 1
  await keyAndCertificate({ csr, user: await est.user() })
})

describe.skipIf(toolIsMissing('openssl'))('a key that is encrypted', () => {
  const root = () => ({ certificate: new X509Certificate(est.ca.rootPem).raw })

  test('by the password is read with what is made of it', async () => {
    const [name, password] = await est.user()
    const csr = attributedCsr(NAMES, [[SYMMETRIC, octetString(Buffer.from(name))]])
    const { key, leaf } = await keyAndCertificate({ csr, user: [name, password] })
    expect(key.type).toBe('application/pkcs7-mime; smime-type=server-generated-key')
    const secret = createHash('sha256').update(`chancery-est-decrypt-key:${password}`).digest()
    const signed = decryptBySecret(secret, Buffer.from(name), key.octets)
    const made = onlyKey(verifiedContent(signed, root()))
    expect(leaf.checkPrivateKey(createPrivateKey({ key: made, format: 'der', type: 'pkcs8' }))).toBe(true)
  })

  test('to the key of the client certificate is read with that', async () => {
    const { identity } = await est.holder(NAMES, { profile: 'agreeing' })
    const shown = parseCertificate(new X509Certificate(identity.certificate).raw)
    const csr = attributedCsr(NAMES, [[ASYMMETRIC, octetString(shown.subjectKeyIdentifier!)]])
    const { key, leaf } = await keyAndCertificate({ csr, identity })
    const privateKey = createPrivateKey(identity.key)
    const { publicKey, raw } = new X509Certificate(identity.certificate)
    const signed = decryptWith({ privateKey, publicKey }, key.octets, raw)
    const made = onlyKey(verifiedContent(signed, root()))
    expect(leaf.checkPrivateKey(createPrivateKey({ key: made, format: 'der', type: 'pkcs8' }))).toBe(true)
  })
})

describe('is refused, and nothing recorded,', () => {
  test('to a key that is not known: never is it sent in clear then', async () => {
    const user = await est.user()
    for (const id of [SYMMETRIC, ASYMMETRIC]) {
      const csr = attributedCsr(NAMES, [[id, octetString(Buffer.from('somebody'))]])
      expect((await est.refused({ at: 'serverkeygen', csr, user })).status).toBe(400)
    }
    const { identity } = await est.holder(NAMES, { profile: 'agreeing' })
    const csr = attributedCsr(NAMES, [[ASYMMETRIC, octetString(Buffer.from('another key'))]])
    expect((await est.refused({ at: 'serverkeygen', csr, identity })).status).toBe(400)
  })

  test('to a certificate whose key usage does not allow it', async () => {
    const { identity } = await est.holder(NAMES, { profile: 'peer' })
    const shown = parseCertificate(new X509Certificate(identity.certificate).raw)
    const csr = attributedCsr(NAMES, [[ASYMMETRIC, octetString(shown.subjectKeyIdentifier!)]])
    const { status, text } = await est.refused({ at: 'serverkeygen', csr, identity })
    expect(status).toBe(400)
    expect(text).toContain('keyAgreement')
  })

  test('to a client that reads none of the algorithms that are used here', async () => {
    const capabilities = (...ids: string[]) =>
      ['1.2.840.113549.1.9.15', sequence(...ids.map((id) => sequence(oid(id))))] as const
    const [TRIPLE_DES, AES_256_GCM, AES_128_CBC] = [
      '1.2.840.113549.3.7',
      '2.16.840.1.101.3.4.1.46',
      '2.16.840.1.101.3.4.1.2',
    ] as const
    const user = await est.user()
    const bySecret = (...ids: string[]) => ({
      ...{ at: 'serverkeygen', user },
      csr: attributedCsr(NAMES, [[SYMMETRIC, octetString(Buffer.from(user[0]))], capabilities(...ids)]),
    })
    for (const ids of [[TRIPLE_DES], [AES_256_GCM, '1.2.840.113549.1.1.1']]) {
      const { status, text } = await est.refused(bySecret(...ids))
      expect([status, text]).toEqual([400, expect.stringContaining('AES-CBC')])
    }
    expect((await est.ask(bySecret(TRIPLE_DES, AES_128_CBC))).status).toBe(200)

    const { identity } = await est.holder(NAMES, { profile: 'agreeing' })
    const shown = parseCertificate(new X509Certificate(identity.certificate).raw)
    const toKey = (...ids: string[]) => ({
      ...{ at: 'serverkeygen', identity },
      csr: attributedCsr(NAMES, [
        [ASYMMETRIC, octetString(shown.subjectKeyIdentifier!)],
        capabilities(...ids),
      ]),
    })
    const [BY_SHA1, BY_SHA256] = ['1.3.133.16.840.63.0.2', '1.3.132.1.11.1'] as const
    const { status, text } = await est.refused(toKey(AES_128_CBC, BY_SHA1))
    expect([status, text]).toEqual([400, expect.stringContaining('sha256kdf')])
    expect((await est.ask(toKey(AES_128_CBC, BY_SHA1, BY_SHA256))).status).toBe(200)
  })

  test.each(['simpleenroll', 'serverkeygen'])(
    'by %s alike: other names, and extensions',
    async (operation) => {
      const user = await est.user()
      const other = renaming(NAMES, ['dns:valve.example.test'])
      const { status, text } = await est.refused({ at: operation, csr: other, user })
      expect([status, text]).toEqual([400, expect.stringContaining('ChangeSubjectName')])
      const extensions = [{ oid: '2.5.29.37', critical: false, value: sequence(oid('1.3.6.1.5.5.7.3.3')) }]
      const asking = { csr: csrDer(NAMES, { extensions }), user }
      expect((await est.ask({ at: operation, ...asking })).status).toBe(200)
      const refusal = await est.refused({ at: `strict/${operation}`, ...asking })
      expect([refusal.status, refusal.text]).toEqual([403, expect.stringContaining('2.5.29.37')])
    },
  )

  test('where no keys are made, or a person must approve', async () => {
    const user = await est.user()
    const csr = csrDer(NAMES)
    expect((await est.refused({ at: 'none/serverkeygen', csr, user })).status).toBe(403)
    expect((await est.refused({ at: 'slow/serverkeygen', csr, user })).status).toBe(403)
  })
})

test('a token whose profile needs approval makes no key, though that of the label does not: it stays unused', async () => {
  const { token } = await est.ca.token({ names: NAMES, profile: 'slow' })
  const call = { csr: csrDer(NAMES), user: ['x', token] as const }
  const answer = await est.refused({ at: 'serverkeygen', ...call })
  expect(answer.status, answer.text).toBe(403)
  expect((await est.ca.call('/v1/requests')).json.requests).toEqual([])
  expect((await est.ask(call)).status).toBe(202)
})

test('a key is of a type that the profile of the token takes', async () => {
  const { token } = await est.ca.token({ names: NAMES, profile: 'agreeing' })
  const csr = csrDer(NAMES, { key: newKey('P-384') })
  const { leaf } = await keyAndCertificate({ csr, user: ['x', token] })
  expect(leaf.publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' })
})
