import { join } from 'node:path'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { restoreBackup } from '../../src/ca/backup/restore.ts'
import { takeBackup } from '../../src/ca/backup/take.ts'
import { makeIntermediateCertificate, makeRootCertificate } from '../../src/ca/hierarchy/ca-certificate.ts'
import { makeNextRootCrl } from '../../src/ca/hierarchy/next-root-crl.ts'
import { type OpenRoot, rootId } from '../../src/ca/hierarchy/root.ts'
import { parseCertificate } from '../../src/pki/certificate/parse.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { openStore } from '../../src/store/open.ts'
import { temporaryDirectory } from '../store/temporary.ts'
import { DAY, expectProblem, TestCa } from './ca-fixture.ts'
import { crossed, installRoots, newAuthority, ownRoot, secondRoot } from './new-authority.ts'
import { csrPem } from './requests.ts'

let ca: TestCa
let root: OpenRoot
beforeAll(async () => {
  ca = await TestCa.create()
  const old = await ownRoot(ca)
  ca.now += DAY * 1000
  const { signer } = old
  const certificate = await makeRootCertificate(signer, old.certificate.subject, 3650 * DAY, ca.clock())
  root = { id: rootId(certificate), certificate, signer }
})
afterAll(() => ca.close())

const served = async (id: string) => (await ca.call(`/crl/${id}.crl`, { as: null }, ca.http)).body

async function nextCrl(): Promise<Buffer> {
  const wish = { previous: await served('root'), revoke: [], validity: 365 * DAY }
  return (await makeNextRootCrl(root, wish, ca.clock())).der
}

async function bring(id: string, crl: Buffer) {
  const headers = { 'content-type': 'application/pkix-crl' }
  const { status, text } = await ca.call(`/v1/authorities/${id}/crl`, { method: 'PUT', body: crl, headers })
  expect(status, text).toBe(200)
}

test('of a root that was renewed with its key, a CRL is served where either certificate’s is looked for', async () => {
  const first = await nextCrl()
  const installed = await installRoots(
    ca,
    encodePem('CERTIFICATE', root.certificate.der),
    encodePem('X509 CRL', first),
  )
  expect(installed.json).toMatchObject({ roots: [root.id], crls: ['root'] })
  expect([await served('root'), await served(root.id)]).toEqual([first, first])

  // The intermediate names /crl/root.crl: what is revoked must be so there.
  const second = await nextCrl()
  await bring(root.id, second)
  expect([await served('root'), await served(root.id)]).toEqual([second, second])

  const third = await nextCrl()
  await bring('root', third)
  expect([await served('root'), await served(root.id)]).toEqual([third, third])

  const fourth = encodePem('X509 CRL', await nextCrl())
  const again = await installRoots(ca, encodePem('CERTIFICATE', root.certificate.der), fourth)
  expect(again.json).toMatchObject({ roots: [], crls: ['root', root.id] })
  await ca.reopen()
  expect(await served('root')).toEqual(await served(root.id))
})

test('a cross-certificate by a root that was renewed with its key may outlive the root of before', async () => {
  const renewed = await TestCa.create()
  onTestFinished(() => renewed.close())
  const before = await ownRoot(renewed)
  renewed.now += 3000 * DAY * 1000
  const { signer } = before
  const certificate = await makeRootCertificate(
    signer,
    before.certificate.subject,
    3650 * DAY,
    renewed.clock(),
  )
  const after = { id: rootId(certificate), certificate, signer }
  const wish = {
    previous: (await renewed.call('/crl/root.crl', { as: null }, renewed.http)).body,
    revoke: [],
  }
  const { der } = await makeNextRootCrl(after, { ...wish, validity: 365 * DAY }, renewed.clock())
  const other = await secondRoot(renewed)
  const cross = await crossed(renewed, other.root, after, 1000 * DAY)
  const installed = await installRoots(
    renewed,
    ...[encodePem('CERTIFICATE', certificate.der), encodePem('X509 CRL', der)],
    ...[other.certificate, other.crl, cross],
  )
  expect(installed.json, installed.text).toMatchObject({ crossCertificates: 1 })
  const [listed] = (await renewed.call('/v1/cross-certificates')).json.crossCertificates
  expect(listed).toMatchObject({ subject: other.root.id, issuer: after.id })
})

test('a successor whose root has ended is installed below the renewed one: without it no service starts that could take that first', async () => {
  const ended = await TestCa.create({ options: { rollover: { propagation: '0s' } } })
  onTestFinished(() => ended.close())
  const { signer, certificate: before } = await ownRoot(ended)
  const next = await newAuthority(ended, 'next', { replaces: 'intermediate', validity: 5000 * DAY })
  const body = { phase: 'active' }
  expect((await ended.call('/v1/authorities/next/phase', { body })).status).toBe(200)
  const renew = async () => {
    const certificate = await makeRootCertificate(signer, before.subject, 3650 * DAY, ended.clock())
    const { subject, spki } = parseCertificate(decodePem(next.json.certificate, 'certificate')[0]!.der)
    const wish = { subject, spki, pathLength: 0, nameConstraints: null, validity: 900 * DAY, urls: null }
    const { der } = await makeIntermediateCertificate(wish, certificate, 'root', signer, ended.clock())
    const chain = encodePem('CERTIFICATE', der) + encodePem('CERTIFICATE', certificate.der)
    const headers = { 'content-type': 'application/pem-certificate-chain' }
    const path = '/v1/authorities/next/certificate'
    return { certificate, installed: await ended.call(path, { method: 'PUT', body: chain, headers }) }
  }
  expectProblem((await renew()).installed, 409, 'conflict', /root install/)
  ended.now += 3700 * DAY * 1000
  const csr = csrPem(['dns:web.example.test'])
  expect((await ended.call('/v1/certificates', { body: { csr } })).status).toBe(503)
  const { certificate, installed } = await renew()
  expect(installed.status, installed.text).toBe(200)
  expect((await ended.enrol(csr)).authority).toBe('next')
  expect(ended.service.authorities.roots()).toContainEqual(certificate.der)
})

test('a restored database has a newer CRL of it for either certificate', async () => {
  const [backup, directory] = ['backup', 'data'].map((name) => join(temporaryDirectory(), name)) as [
    string,
    string,
  ]
  await takeBackup({ directory: ca.directory, out: backup, include: [], clock: ca.clock })
  const newer = await nextCrl()
  const { carriedOver } = await restoreBackup({ directory, backup, crls: [newer], clock: ca.clock })
  expect(carriedOver.map(({ authority }) => authority)).toEqual(['root', root.id])
  const store = await openStore({ file: join(directory, 'chancery.db') })
  for (const id of ['root', root.id]) expect((await store.read.latestCrl(id))?.der).toEqual(newer)
  await store.close()
})

test('a cross-certificate by a root that was renewed with its key stays when the root of before leaves', async () => {
  const renewed = await TestCa.create()
  onTestFinished(() => renewed.close())
  const other = await secondRoot(renewed)
  const cross = await crossed(renewed, await ownRoot(renewed), other.root)
  await installRoots(renewed, other.certificate, other.crl, cross)
  renewed.now += DAY * 1000
  const { signer, certificate: before, id } = other.root
  const certificate = await makeRootCertificate(signer, before.subject, 3650 * DAY, renewed.clock())
  const after = { id: rootId(certificate), certificate, signer }
  const [previous] = decodePem(other.crl, 'CRL')
  const wish = { previous: previous!.der, revoke: [], validity: 365 * DAY }
  const { der } = await makeNextRootCrl(after, wish, renewed.clock())
  const installed = await installRoots(
    renewed,
    ...[encodePem('CERTIFICATE', certificate.der), encodePem('X509 CRL', der)],
  )
  expect(installed.status, installed.text).toBe(200)
  const bundle = async () => (await renewed.call('/bundles/cross.pem', { as: null }, renewed.http)).text
  const retire = (one: string) => renewed.call(`/v1/authorities/${one}/phase`, { body: { phase: 'retired' } })
  expect((await retire(id)).status).toBe(200)
  // Whoever trusts the same name and key by the newer certificate has use for it.
  expect(await bundle()).toBe(cross)
  expect((await retire(after.id)).status).toBe(200)
  expect(await bundle()).toBe('')
})
