import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { context, printableString, sequence, utf8String } from '../../../src/pki/der/write.ts'
import { generalNames } from '../../../src/pki/names/general-names.ts'
import { parseNameText } from '../../../src/pki/names/normalise.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { attribute, buildCsr, dnsNames, nameOf, requesting } from '../../pki/csr/building.ts'
import { csrDer, keyPem, newKey } from '../requests.ts'
import { EstCa } from './est-ca.ts'

const CHANGE_SUBJECT_NAME = '1.3.6.1.5.5.7.7.36'
const NONE = Buffer.of(0x30, 0)
const WEB = 'web.example.test'

let est: EstCa
beforeAll(async () => {
  est = await EstCa.create({
    profiles: {
      final: { extends: 'server', renewal: false },
      asked: { extends: 'server', approval: 'always' },
    },
    est: {
      names: ['example.test'],
      labels: { changing: { changeNames: true } },
    },
  })
})
afterAll(() => est.close())

const holder = (profile = 'server') =>
  est.holder([`dns:${WEB}`, 'dns:www.example.test'], { profile, commonName: WEB })
const commonName = (text: string) => nameOf(['2.5.4.3', utf8String(text)])
const SAME = { subject: commonName(WEB), names: [WEB, 'www.example.test'] }

interface Asked {
  readonly subject: Buffer
  readonly names: readonly string[]
  readonly change?: Buffer
}
function request({ subject, names, change }: Asked): Buffer {
  const extensions = names.length > 0 ? [requesting(dnsNames(...names)).subarray(2)] : []
  const changes = change ? [attribute(CHANGE_SUBJECT_NAME, change)] : []
  return buildCsr({ key: newKey(), subject, attributes: context(0, ...extensions, ...changes) })
}

const at = 'simplereenroll'

test('gives the same subject and names, for a new key or the old one, in any order of names', async () => {
  const { identity, serialNumber } = await holder()
  const renewed = await est.enrolled({
    at,
    identity,
    csr: request({ ...SAME, names: ['www.example.test', WEB] }),
  })
  expect(renewed.subject).toBe(`CN=${WEB}`)
  expect(renewed.subjectAltName).toBe(`DNS:${WEB}, DNS:www.example.test`)
  expect((await est.ca.certificates())[0]!.replaces).toBe(serialNumber)
  const key = newKey()
  const names = [`dns:${WEB}`]
  const first = await est.ca.enrol(encodePem('CERTIFICATE REQUEST', csrDer(names, { key })))
  const again = await est.enrolled({
    at,
    identity: { key: keyPem(key), certificate: first.certificate },
    csr: csrDer(names, { key }),
  })
  expect(again.subjectAltName).toBe(`DNS:${WEB}`)
})

test.each([
  ['a common name alone', WEB, context(0)],
  ['capitals in its common name', WEB.toUpperCase(), requesting(dnsNames(WEB.toUpperCase()))],
])('renews by the CSR that enrolled, which had %s', async (_, name, attributes) => {
  const key = newKey()
  const csr = buildCsr({ key, subject: commonName(name), attributes })
  const first = await est.enrolled({ csr, user: await est.user() })
  expect(first.subjectAltName).toBe(`DNS:${WEB}`)
  const renewed = await est.enrolled({
    at,
    identity: { key: keyPem(key), certificate: first.toString() },
    csr,
  })
  expect([renewed.subject, renewed.subjectAltName]).toEqual([`CN=${WEB}`, `DNS:${WEB}`])
})

test.each([
  ['an organisation', nameOf(['2.5.4.10', utf8String('x')], ['2.5.4.3', utf8String(WEB)]), `CN=${WEB}`],
  ['a common name that is no name', commonName('pump 17'), undefined],
])('renews by the CSR that enrolled, of whose subject the enrolment dropped %s', async (_, subject, kept) => {
  const key = newKey()
  const csr = buildCsr({ key, subject, attributes: requesting(dnsNames(WEB)) })
  const first = await est.enrolled({ csr, user: await est.user() })
  const renewed = await est.enrolled({
    at,
    identity: { key: keyPem(key), certificate: first.toString() },
    csr,
  })
  expect([first.subject, renewed.subject, renewed.subjectAltName]).toEqual([kept, kept, `DNS:${WEB}`])
})

test.each<[string, Asked]>([
  ['another common name', { ...SAME, subject: commonName('www.example.test') }],
  ['no subject', { ...SAME, subject: NONE }],
  [
    'more in the subject than it may have, and another common name',
    {
      ...SAME,
      subject: nameOf(['2.5.4.10', utf8String('x')], ['2.5.4.3', utf8String('www.example.test')]),
    },
  ],
  ['a common name that is no name of its own', { ...SAME, subject: commonName('pump 17') }],
  ['one name more', { ...SAME, names: [...SAME.names, 'more.example.test'] }],
  ['one name less', { ...SAME, names: [WEB] }],
  ['no names', { ...SAME, names: [] }],
  ['other names', { ...SAME, names: [WEB, 'other.example.test'] }],
])('is refused with %s', async (_, asked) => {
  const { identity } = await holder()
  for (const label of ['', 'changing/']) {
    const { status, text } = await est.refused({ at: label + at, identity, csr: request(asked) })
    expect(status).toBe(403)
    expect(text).toContain(`"CN=${WEB}", dns:${WEB}, dns:www.example.test`)
  }
})

describe('with ChangeSubjectName', () => {
  const names = (...texts: string[]) => generalNames(texts.map((text) => parseNameText(`dns:${text}`)))
  const other = commonName('other.example.test')
  const change = sequence(other, names('other.example.test'))

  test('is refused where the label allows none', async () => {
    const { identity } = await holder()
    const { status, text } = await est.refused({ at, identity, csr: request({ ...SAME, change }) })
    expect([status, text]).toEqual([403, expect.stringContaining('ChangeSubjectName')])
  })

  test.each([
    ['subject and names', change, 'CN=other.example.test', 'DNS:other.example.test'],
    [
      'names alone',
      sequence(names(WEB, 'new.example.test')),
      `CN=${WEB}`,
      `DNS:${WEB}, DNS:new.example.test`,
    ],
    [
      'the subject alone',
      sequence(commonName('www.example.test')),
      'CN=www.example.test',
      `DNS:${WEB}, DNS:www.example.test`,
    ],
    ['the subject to none', sequence(NONE, names(WEB)), undefined, `DNS:${WEB}`],
  ])('changes %s', async (_, changed, subject, san) => {
    const { identity } = await holder()
    const leaf = await est.enrolled({
      at: `changing/${at}`,
      identity,
      csr: request({ ...SAME, change: changed }),
    })
    expect([leaf.subject, leaf.subjectAltName]).toEqual([subject, san])
  })

  test('the CSR itself still has the old subject and names (RFC 7030 4.2.2)', async () => {
    const { identity } = await holder()
    for (const asked of [
      { subject: other, names: ['other.example.test'] },
      { subject: NONE, names: [] },
      { ...SAME, names: ['other.example.test'] },
    ]) {
      expect(
        (await est.refused({ at: `changing/${at}`, identity, csr: request({ ...asked, change }) })).status,
      ).toBe(403)
    }
  })

  test('goes no further than the label', async () => {
    const { identity } = await holder()
    const csr = request({
      ...SAME,
      change: sequence(commonName('evil.example.org'), names('evil.example.org')),
    })
    expect((await est.refused({ at: `changing/${at}`, identity, csr })).status).toBe(403)
  })

  test('keeps the profile of the certificate, whatever the label enrols', async () => {
    const { identity } = await holder('peer')
    const less = sequence(names(WEB))
    const leaf = await est.enrolled({
      at: `changing/${at}`,
      identity,
      csr: request({ ...SAME, change: less }),
    })
    expect(leaf.subjectAltName).toBe(`DNS:${WEB}`)
    expect((await est.ca.certificates())[0]!.profile).toBe('peer')
  })

  test.each([
    ['the subject alone', sequence(commonName('www.example.test')), 'CN=www.example.test'],
    ['the subject to none', sequence(NONE, names(WEB)), undefined],
    ['names alone', sequence(names(WEB)), `CN=${WEB}`],
  ])('changes %s once an admin has approved it', async (_, changed, subject) => {
    const { identity } = await holder('asked')
    const call = { at: `changing/${at}`, identity, csr: request({ ...SAME, change: changed }) }
    const { status, headers } = await est.ask(call)
    expect(status).toBe(202)
    await est.ca.call(`/v1/requests/${headers['chancery-request']}/approve`, { body: {} })
    expect((await est.enrolled(call)).subject).toBe(subject)
  })

  test('is refused where the profile allows no renewal', async () => {
    const { identity } = await holder('final')
    const csr = request({ ...SAME, change })
    expect((await est.refused({ at: `changing/${at}`, identity, csr })).status).toBe(403)
  })

  test('stands in the audit log as the act of the old certificate', async () => {
    const { identity, serialNumber } = await holder()
    await est.enrolled({ at: `changing/${at}`, identity, csr: request({ ...SAME, change }) })
    expect((await est.ca.audit('certificate.issue'))[0]!.actor).toBe(`certificate:${serialNumber}`)
  })

  test('is refused where it is none', async () => {
    const { identity } = await holder()
    for (const broken of [
      printableString('x'),
      sequence(),
      sequence(names(WEB), names(WEB)),
      sequence(NONE, sequence()),
    ]) {
      const { status } = await est.refused({
        at: `changing/${at}`,
        identity,
        csr: request({ ...SAME, change: broken }),
      })
      expect(status).toBe(400)
    }
  })
})
