import { X509Certificate } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { makeIntermediateCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { makeNextRootCrl } from '../../../src/ca/hierarchy/next-root-crl.ts'
import { createRoot, type OpenRoot } from '../../../src/ca/hierarchy/root.ts'
import { parseDnText } from '../../../src/pki/distinguished-name.ts'
import { decodePem, encodePem } from '../../../src/pki/pem.ts'
import { findSecret } from '../../../src/sds/secret-source.ts'
import { DAY, expectProblem, TestCa } from '../ca-fixture.ts'
import { certificatesOf } from '../est/messages.ts'
import { crossed, installRoots, newAuthority, ownRoot, secondRoot } from '../new-authority.ts'
import { csrPem } from '../requests.ts'

let ca: TestCa
let old: OpenRoot
let next: Awaited<ReturnType<typeof secondRoot>>
beforeEach(async () => {
  const chained = { extends: 'server', chain: 'root' }
  ca = await TestCa.create({ options: { profiles: { chained }, est: { names: ['example.test'] } } })
  old = await ownRoot(ca)
  next = await secondRoot(ca)
})
afterEach(() => ca.close())

const text = async (path: string) => (await ca.call(path, {}, ca.http)).text
const count = (pem: string) => pem.match(/BEGIN CERTIFICATE/g)?.length ?? 0
const subjects = (pem: string[]) => pem.map((one) => new X509Certificate(one).issuer)
const phase = (id: string, body: object) => ca.call(`/v1/authorities/${id}/phase`, { body })

describe('a second root', () => {
  test('comes with its CRL and stands in every bundle at once, and in root.pem', async () => {
    const installed = await installRoots(ca, next.certificate, next.crl)
    expect(installed.status, installed.text).toBe(200)
    expect(installed.json).toEqual({ roots: [next.root.id], crls: [], crossCertificates: 0 })
    expect(await text('/bundles/roots.pem')).toBe(ca.rootPem)
    expect(decodePem(ca.rootPem, 'roots').map(({ der }) => der)).toEqual([
      old.certificate.der,
      next.root.certificate.der,
    ])
    expect(await text('/bundles/roots.crl.pem')).toContain(next.crl.trim())
    expect(await text(`/ca/${next.root.id}.pem`)).toBe(next.certificate)
    expect(await ca.audit('authority.create')).toHaveLength(1)
    expect(await ca.audit('root.install')).toMatchObject([{ target: next.root.id, actor: 'admin:default' }])
    // Again: there is nothing new in it.
    expect((await installRoots(ca, next.certificate, next.crl)).json).toMatchObject({ roots: [] })
  })

  test('gives the SPIFFE bundle a higher sequence, also in the second of another change', async () => {
    const third = await secondRoot(ca, 'CN=Third Root', 'third-root')
    const sequences: number[] = []
    for (const { certificate, crl } of [next, third]) {
      expect((await installRoots(ca, certificate, crl)).status).toBe(200)
      sequences.push((await ca.call('/bundles/roots.jwks', {}, ca.http)).json.spiffe_sequence)
    }
    expect(sequences[1]).toBeGreaterThan(sequences[0]!)
  })

  test('takes a newer CRL later, after the usual checks', async () => {
    await installRoots(ca, next.certificate, next.crl)
    const crlOf = async (previous: string | null, now = ca.clock()) => {
      const before = previous === null ? null : decodePem(previous, 'CRL')[0]!.der
      const wish = { previous: before, revoke: [], validity: 100 * DAY }
      return encodePem('X509 CRL', (await makeNextRootCrl(next.root, wish, now)).der)
    }
    const newer = await crlOf(next.crl)
    const installed = await installRoots(ca, next.certificate, newer)
    expect(installed.json, installed.text).toEqual({ roots: [], crls: [next.root.id], crossCertificates: 0 })
    expect(await text(`/crl/${next.root.id}.pem`)).toBe(newer)
    expect(await text('/bundles/roots.crl.pem')).toContain(newer.trim())
    const [row] = await ca.audit('root.install')
    expect(row).toMatchObject({ detail: { roots: [], crls: [`${next.root.id}: 2`] } })
    expect((await installRoots(ca, next.certificate, newer)).json).toMatchObject({ crls: [] })

    expectProblem(await installRoots(ca, next.certificate, next.crl), 409, 'conflict', /higher number/)
    const early = await crlOf(newer, new Date(ca.now + DAY * 1000))
    expectProblem(await installRoots(ca, next.certificate, early), 400, 'badCrl', /from the future/)
    const foreign = await text('/crl/intermediate.pem')
    expectProblem(await installRoots(ca, next.certificate, foreign), 400, 'badCrl', /of no root/)
  })

  test('is refused without its CRL, with a name that is taken, and where it is no root', async () => {
    expectProblem(await installRoots(ca, next.certificate), 400, 'badCrl', /root crl --first/)
    const foreign = await text('/crl/root.pem')
    expectProblem(await installRoots(ca, next.certificate, foreign), 400, 'badCrl')
    expectProblem(await installRoots(ca, next.crl), 400, 'badAuthorityCertificate')
    const { subject } = (await ca.call('/v1/authorities/root')).json
    const other = join(ca.directory, 'twin')
    const wish = { keyType: 'P-256', hash: null, subject: parseDnText(subject), validity: 900 * DAY } as const
    const twin = await createRoot(other, wish, 'a passphrase', ca.clock())
    expectProblem(
      await installRoots(ca, encodePem('CERTIFICATE', twin.certificate.der)),
      409,
      'conflict',
      /another subject/,
    )
    const leaf = await ca.enrol(csrPem(['dns:web.example.test']))
    expectProblem(await installRoots(ca, leaf.certificate), 400, 'badAuthorityCertificate')
    expect(count(await text('/bundles/roots.pem'))).toBe(1)
  })
})

describe('cross-certificates', () => {
  test('both ways, after the root or along with it, are in EST, their bundle and the paths, and never among the roots', async () => {
    const [newWithOld, oldWithNew] = [await crossed(ca, next.root, old), await crossed(ca, old, next.root)]
    expectProblem(
      await installRoots(ca, newWithOld),
      400,
      'badAuthorityCertificate',
      /install the root|Install the root/,
    )
    const installed = await installRoots(ca, newWithOld, next.crl, next.certificate)
    expect(installed.json).toEqual({ roots: [next.root.id], crls: [], crossCertificates: 1 })
    expect((await installRoots(ca, oldWithNew)).json).toEqual({ roots: [], crls: [], crossCertificates: 1 })

    expect(count(await text('/bundles/roots.pem'))).toBe(2)
    expect(await text('/bundles/cross.pem')).toBe(newWithOld + oldWithNew)
    const { body } = await ca.call('/.well-known/est/cacerts', { as: null })
    const given = certificatesOf(body).map(({ subject, issuer }) => `${subject} <- ${issuer}`)
    const [oldName, newName] = [old, next.root].map(
      ({ certificate }) => new X509Certificate(certificate.der).subject,
    )
    expect(given).toEqual(
      expect.arrayContaining([
        `${oldName} <- ${oldName}`,
        `${newName} <- ${newName}`,
        `${newName} <- ${oldName}`,
        `${oldName} <- ${newName}`,
      ]),
    )
    const list = (await ca.call('/v1/cross-certificates')).json.crossCertificates
    expect(list).toMatchObject([
      { subject: next.root.id, issuer: 'root', certificate: newWithOld },
      { subject: 'root', issuer: next.root.id, certificate: oldWithNew },
    ])

    // RFC 5280 4.2.1.13: whoever checks the whole path finds the CRL of who signed the cross-certificate.
    const info = new X509Certificate(oldWithNew)
    expect(info.raw.includes(Buffer.from(`/crl/${next.root.id}.crl`))).toBe(true)
    expect(info.toString()).toBe(oldWithNew)

    const removed = await ca.call(`/v1/cross-certificates/${list[1].fingerprint}`, { method: 'DELETE' })
    expect(removed.status).toBe(204)
    expect(await text('/bundles/cross.pem')).toBe(newWithOld)
    expect(await ca.audit('cross-certificate.remove')).toMatchObject([{ target: 'root' }])
  })

  test('lead a chain to the root that the profile names, for as long as they are valid', async () => {
    await installRoots(ca, next.certificate, next.crl, await crossed(ca, next.root, old, 100 * DAY))
    await newAuthority(ca, 'below-next', { replaces: 'intermediate', root: next.root })
    ca.now += DAY * 1000
    const moved = await phase('below-next', { phase: 'active' })
    expect(moved.status, moved.text).toBe(200)
    const own = await ca.enrol(csrPem(['dns:a.example.test']))
    const chained = await ca.enrol(csrPem(['dns:b.example.test']), { profile: 'chained' })
    const [oldName, newName] = [old, next.root].map(
      ({ certificate }) => new X509Certificate(certificate.der).subject,
    )
    expect(subjects(own.chain)).toEqual([newName])
    expect(subjects(chained.chain)).toEqual([newName, oldName])
    ca.now += 100 * DAY * 1000
    const later = await ca.call(`/v1/certificates/${chained.serialNumber}`)
    expect(subjects(later.json.chain)).toEqual([newName])
    expect(await text('/bundles/cross.pem')).toBe('')
  })

  test('of an intermediate, by the new root, are a second way up as well', async () => {
    await installRoots(ca, next.certificate, next.crl)
    const { subject, spki } = ca.service.authorities.issuing().certificate
    const wish = { subject, spki, pathLength: 0, nameConstraints: null, validity: 500 * DAY, urls: null }
    const again = await makeIntermediateCertificate(
      wish,
      next.root.certificate,
      next.root.id,
      next.root.signer,
      ca.clock(),
    )
    expect((await installRoots(ca, encodePem('CERTIFICATE', again.der))).json).toMatchObject({
      crossCertificates: 1,
    })
    const paths = ca.service.authorities.pathsFor({ authority: 'intermediate', profile: 'server' })
    expect(paths.map(({ root }) => root)).toEqual([old.certificate.der, next.root.certificate.der])
  })

  test('that nobody here signed are refused', async () => {
    await installRoots(ca, next.certificate, next.crl)
    const wish = {
      keyType: 'P-256',
      hash: null,
      subject: parseDnText('CN=Stranger'),
      validity: 900 * DAY,
    } as const
    const stranger = await createRoot(join(ca.directory, 'stranger'), wish, 'a passphrase', ca.clock())
    expectProblem(
      await installRoots(ca, await crossed(ca, old, stranger)),
      400,
      'badAuthorityCertificate',
      /no authority here/,
    )
    expect((await ca.call('/v1/cross-certificates')).json.crossCertificates).toEqual([])
  })
})

test('a cross-certificate that is taken out is gone for whoever asks by date as well', async () => {
  await installRoots(ca, next.certificate, next.crl, await crossed(ca, next.root, old))
  await installRoots(ca, await crossed(ca, old, next.root))
  const cross = (headers: Record<string, string> = {}) =>
    ca.call('/bundles/cross.pem', { method: 'GET', as: null, headers }, ca.http)
  ca.now += DAY * 1000
  const first = await cross()
  expect(count(first.text)).toBe(2)
  const [{ fingerprint }] = (await ca.call('/v1/cross-certificates')).json.crossCertificates
  expect((await ca.call(`/v1/cross-certificates/${fingerprint}`, { method: 'DELETE' })).status).toBe(204)
  const then = await cross({ 'if-modified-since': String(first.headers['last-modified']) })
  expect([then.status, count(then.text)]).toEqual([200, 1])
  expect((await cross({ 'if-none-match': String(then.headers.etag) })).status).toBe(304)
})

test('a root leaves the bundles when nothing below it is of use any more, and may come back', async () => {
  for (const force of [[], ['below']])
    expectProblem(await phase('root', { phase: 'retired', force }), 409, 'conflict', /only root/)
  await ca.enrol(csrPem(['dns:web.example.test']), { profile: 'short-lived' })
  await installRoots(ca, next.certificate, next.crl)
  expectProblem(
    await phase('root', { phase: 'retired' }),
    409,
    'conflict',
    /"intermediate" stands below it, and is active/,
  )
  await newAuthority(ca, 'below-next', { replaces: 'intermediate', root: next.root })
  ca.now += DAY * 1000
  await phase('below-next', { phase: 'active' })
  expectProblem(
    await phase('root', { phase: 'retired' }),
    409,
    'conflict',
    /answers for its certificates until/,
  )
  const { answersUntil } = (await ca.call('/v1/authorities/intermediate')).json
  ca.now = Date.parse(answersUntil)
  const retired = await phase('root', { phase: 'retired' })
  expect(retired.status, retired.text).toBe(200)
  expect(await text('/bundles/roots.pem')).toBe(next.certificate)
  expect(readFileSync(join(ca.directory, 'root.pem'), 'utf8')).toBe(next.certificate)
  expect((await ca.call('/bundles/roots.crl.pem', {}, ca.http)).text.match(/BEGIN X509 CRL/g)).toHaveLength(2)
  expectProblem(await phase('root', { phase: 'staged' }), 409, 'conflict')
  expect((await phase('root', { phase: 'active' })).status).toBe(200)
  expect(count(await text('/bundles/roots.pem'))).toBe(2)
})

test('a root that leaves takes its cross-certificates out of EST and their bundle, and brings them back', async () => {
  const [newWithOld, oldWithNew] = [await crossed(ca, next.root, old), await crossed(ca, old, next.root)]
  await installRoots(ca, next.certificate, next.crl, newWithOld, oldWithNew)
  const cacerts = async () =>
    certificatesOf((await ca.call('/.well-known/est/cacerts', { as: null })).body).map((one) =>
      one.toString(),
    )
  expect(await text('/bundles/cross.pem')).toBe(newWithOld + oldWithNew)
  expect((await phase(next.root.id, { phase: 'retired' })).status).toBe(200)
  expect(await text('/bundles/cross.pem')).toBe('')
  expect((await cacerts()).sort()).toEqual([ca.issuerPem, ca.rootPem].sort())
  expect((await phase(next.root.id, { phase: 'active' })).status).toBe(200)
  expect(await text('/bundles/cross.pem')).toBe(newWithOld + oldWithNew)
  expect(await cacerts()).toEqual(expect.arrayContaining([newWithOld, oldWithNew]))
})

test('a root that comes back has to stand in the bundles again before anybody below it issues', async () => {
  await installRoots(ca, next.certificate, next.crl)
  expect((await phase(next.root.id, { phase: 'retired' })).status).toBe(200)
  await newAuthority(ca, 'below', { replaces: 'intermediate', root: next.root })
  ca.now += 2 * DAY * 1000
  expect((await phase(next.root.id, { phase: 'active' })).status).toBe(200)
  const refused = await phase('below', { phase: 'active' })
  expectProblem(refused, 409, 'conflict', /Its root .* has been in the bundles since .* activate it at/)
  ca.now += DAY * 1000
  expect((await phase('below', { phase: 'active' })).status).toBe(200)
})

test('a root whose CRL has ended does not come back: it would take the bundle of CRLs from everybody', async () => {
  await installRoots(ca, next.certificate, next.crl)
  await phase(next.root.id, { phase: 'retired' })
  ca.now += 1001 * DAY * 1000
  await ca.reopen()
  expect((await ca.call('/bundles/roots.crl.pem', {}, ca.http)).status).toBe(200)
  const refused = await phase(next.root.id, { phase: 'active' })
  expectProblem(refused, 409, 'conflict', /The CRL of .* ended/)
  expect((await ca.call('/bundles/roots.crl.pem', {}, ca.http)).status).toBe(200)
})

test('a root that leaves while something below it still answers is trusted by no secret of Envoy either', async () => {
  await installRoots(ca, next.certificate, next.crl)
  await newAuthority(ca, 'below-next', { replaces: 'intermediate', root: next.root })
  const forced = { phase: 'retired', force: ['below'] }
  await phase('below-next', { phase: 'active', force: ['propagation'] })
  expect((await phase('root', forced)).status).toBe(200)
  const trusted = (name: string) =>
    findSecret(name, { kind: 'admin', id: 'admin:test' }, ca.service).then(({ content }) =>
      JSON.stringify(content),
    )
  const pem = await trusted('roots')
  expect(pem).toContain(JSON.stringify(next.certificate).slice(1, -1))
  expect(pem).not.toContain(JSON.stringify(encodePem('CERTIFICATE', old.certificate.der)).slice(1, -1))
  await expect(trusted('intermediate')).rejects.toMatchObject({ code: 'authorityNotReady' })
})

test('root.pem is brought up to date at the start: a kill, or an installation offline, leaves it behind', async () => {
  const file = join(ca.directory, 'root.pem')
  const before = readFileSync(file)
  await installRoots(ca, next.certificate, next.crl)
  writeFileSync(file, before)
  await ca.reopen()
  expect(count(readFileSync(file, 'utf8'))).toBe(2)
})
