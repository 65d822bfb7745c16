import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { makeIntermediateCertificate, makeRootCertificate } from '../../src/ca/hierarchy/ca-certificate.ts'
import { makeNextRootCrl } from '../../src/ca/hierarchy/next-root-crl.ts'
import { isCrlOf } from '../../src/ca/hierarchy/prove-crl.ts'
import type { OpenRoot } from '../../src/ca/hierarchy/root.ts'
import { createKeySigner } from '../../src/ca/key-signer.ts'
import type { Signer } from '../../src/ca/signer.ts'
import { fingerprint } from '../../src/pki/certificate/fingerprint.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { generateKey } from '../../src/pki/keys/generate.ts'
import { decodePem, encodePem } from '../../src/pki/pem.ts'
import { DAY, expectProblem, TestCa } from './ca-fixture.ts'
import { installRoots, newAuthority, ownRoot, secondRoot } from './new-authority.ts'

let ca: TestCa
let policy: OpenRoot
let between: string
/** What it is called here. */
let id: string
beforeAll(async () => {
  ca = await TestCa.create()
  policy = await policyCa('Policy CA')
  between = encodePem('CERTIFICATE', policy.certificate.der)
  id = `intermediate-${fingerprint(policy.certificate.der).slice(0, 8)}`
  for (const name of ['east', 'west'])
    await newAuthority(ca, name, { root: policy, above: between + ca.rootPem })
})
afterAll(() => ca.close())

/** Below the root, as an operator has one elsewhere. */
async function policyCa(name: string, known?: Signer, below?: OpenRoot): Promise<OpenRoot> {
  const root = below ?? (await ownRoot(ca))
  const signer = known ?? createKeySigner(await generateKey('P-256'), 'sha256')
  const wish = {
    subject: encodeName([{ type: 'CN', value: name }]),
    ...{ spki: signer.spki, pathLength: undefined, nameConstraints: null, validity: 2000 * DAY, urls: null },
  }
  const certificate = await makeIntermediateCertificate(
    wish,
    root.certificate,
    root.id,
    root.signer,
    ca.clock(),
  )
  return { id: 'policy', certificate, signer }
}

async function policyCrl(validity: number, previous: Buffer | null = null, revoke = '') {
  const revoked = revoke ? [{ serialNumber: revoke, reason: 2 }] : []
  return (await makeNextRootCrl(policy, { previous, revoke: revoked, validity }, ca.clock())).der
}

const bringCrl = (der: Buffer, of = id) =>
  ca.call(`/v1/authorities/${of}/crl`, {
    method: 'PUT',
    body: encodePem('X509 CRL', der),
    headers: { 'content-type': 'application/x-pem-file' },
  })

/** Of which of these the bundle has a CRL. */
async function crlsIn(bundle: string): Promise<string[]> {
  const { status, text } = await ca.call(`/bundles/${bundle}.crl.pem`, { as: null }, ca.http)
  expect(status, text).toBe(200)
  const issuers = [...ca.service.authorities.all()]
  return decodePem(text, 'CRL').map(({ der }) => issuers.find((one) => isCrlOf(der, one.certificate))!.id)
}

const phase = (of: string, to: string) => ca.call(`/v1/authorities/${of}/phase`, { body: { phase: to } })

test('the bundle of the chain has every CA below a root, also one between it and an authority, each once', async () => {
  const { text } = await ca.call('/bundles/chain.pem', { as: null }, ca.http)
  const own = ['intermediate', 'east', 'west'].map((one) => ca.service.authorities.get(one)!.certificate.der)
  expect(text).toBe(own.map((der) => encodePem('CERTIFICATE', der)).join('') + between)
})

test('a CA between is on record once, as one that issues nothing here', async () => {
  const { json } = await ca.call('/v1/authorities')
  expect(json.authorities.filter(({ role }: { role: string }) => role === 'intermediate')).toMatchObject([
    { id, state: 'active', isDefault: false, subject: 'CN=Policy CA', chain: [ca.rootPem], crl: null },
  ])
  const { text } = await ca.call('/bundles/roots.pem', { as: null }, ca.http)
  expect(text).toBe(ca.rootPem)
})

test('the root of a CA between stays until that is retired: the bundle of CRLs would be withheld once that CRL has ended', async () => {
  const other = await TestCa.create()
  onTestFinished(() => other.close())
  const next = await secondRoot(other)
  const own = await ownRoot(other)
  const above = await policyCa('Policy CA', undefined, own)
  const chain = [above, own].map(({ certificate }) => encodePem('CERTIFICATE', certificate.der)).join('')
  await newAuthority(other, 'east', { root: above, above: chain })
  await installRoots(other, next.certificate, next.crl)
  await newAuthority(other, 'next', { root: next.root, replaces: 'intermediate' })
  const move = (of: string, to: string) =>
    other.call(`/v1/authorities/${of}/phase`, { body: { phase: to, force: ['propagation'] } })
  expect((await move('next', 'active')).status).toBe(200)
  expect((await move('east', 'retired')).status).toBe(200)
  other.now += 8 * DAY * 1000
  await other.reopen()
  const between = other.service.authorities.all().find(({ role }) => role === 'intermediate')!.id
  const refused = await move('root', 'retired')
  expectProblem(refused, 409, 'conflict', /its CRL is in the bundles: retire that first/)
  expect((await move(between, 'retired')).status).toBe(200)
  expect((await move('root', 'retired')).status).toBe(200)
})

describe('the CRL of a CA between', () => {
  test('is missed in /readyz, and in nobody’s bundle: who has leaves alone checked needs none', async () => {
    const { json } = await ca.call('/readyz', { as: null }, ca.http)
    expect(json.checks).toContainEqual({
      ...{ name: `crl:${id}`, ok: true },
      reason: expect.stringContaining(`chancery crl install ${id} FILE`),
    })
    expect(await crlsIn('east')).toEqual(['root', 'east'])
    expect(await crlsIn('roots')).toEqual(['intermediate', 'root', 'east', 'west'])
  })

  test('is brought, proven, and then in every bundle that needs it', async () => {
    const strange = await makeNextRootCrl(
      await policyCa('Policy CA'),
      { previous: null, revoke: [], validity: DAY },
      ca.clock(),
    )
    expect(await bringCrl(strange.der)).toMatchObject({
      status: 400,
      json: { type: 'urn:chancery:problem:badCrl' },
    })
    expect(await bringCrl(await policyCrl(90 * DAY))).toMatchObject({ status: 200, json: { number: 1 } })
    expect(await crlsIn('east')).toEqual(['root', 'east', id])
    expect(await crlsIn(id)).toEqual(['root', id])
    expect(await crlsIn('roots')).toEqual(['intermediate', 'root', 'east', id, 'west'])
    // Nothing of it concerns what stands below the root itself.
    expect(await crlsIn('intermediate')).toEqual(['intermediate', 'root'])
  })

  test('withholds what it is part of where it has expired, and says so', async () => {
    ca.now += 91 * DAY * 1000
    await ca.reopen()
    expect(await ca.call('/bundles/east.crl.pem', { as: null }, ca.http)).toMatchObject({ status: 503 })
    const { json } = await ca.call('/readyz', { as: null }, ca.http)
    const [check] = json.checks.filter(({ name }: { name: string }) => name === `crl:${id}`)
    expect(check).toMatchObject({ ok: false, reason: expect.stringContaining('has expired') })
    const current = await ca.call(`/crl/${id}.crl`, { as: null }, ca.http)
    const next = await policyCrl(90 * DAY, current.body)
    expect(await bringCrl(next)).toMatchObject({ status: 200, json: { number: 2 } })
    expect(await crlsIn('east')).toEqual(['root', 'east', id])
  })
})

test('one that is renewed with its key has the CRL from the beginning, and so has the root', async () => {
  const root = await ownRoot(ca)
  const newRoot = await makeRootCertificate(root.signer, root.certificate.subject, 3650 * DAY, ca.clock())
  const newPolicy = (await policyCa('Policy CA', policy.signer)).certificate
  const { certificate } = ca.service.authorities.get('west')!
  const installed = await ca.call('/v1/authorities/west/certificate', {
    method: 'PUT',
    body: [certificate, newPolicy, newRoot].map(({ der }) => encodePem('CERTIFICATE', der)).join(''),
    headers: { 'content-type': 'application/pem-certificate-chain' },
  })
  expect(installed.status, installed.text).toBe(200)
  const { status, text } = await ca.call('/bundles/west.crl.pem', { as: null }, ca.http)
  expect(status, text).toBe(200)
  const crls = decodePem(text, 'CRL').map(({ der }) => der)
  for (const issuer of [certificate, newPolicy, newRoot])
    expect(crls.filter((der) => isCrlOf(der, issuer))).toHaveLength(1)
})

test('it is retired when nothing stands below it any more, and its CRL is missed no longer', async () => {
  expect(await phase(id, 'staged')).toMatchObject({ status: 409 })
  expect(await phase(id, 'retired')).toMatchObject({
    ...{ status: 409 },
    json: { detail: expect.stringContaining('"east" stands below it') },
  })
  for (const name of ['east', 'west']) expect(await phase(name, 'retired')).toMatchObject({ status: 200 })
  expect(await phase(id, 'retired')).toMatchObject({ status: 409 })
  ca.now += 8 * DAY * 1000
  await ca.reopen()
  const between = ca.service.authorities.all().filter(({ role }) => role === 'intermediate')
  for (const one of between) expect(await phase(one.id, 'retired')).toMatchObject({ status: 200 })
  ca.now += 100 * DAY * 1000
  await ca.reopen()
  const { text } = await ca.call('/readyz', { as: null }, ca.http)
  for (const one of between) expect(text).not.toContain(one.id)
  // The root's for either of its certificates.
  expect(await crlsIn('roots')).toEqual(['intermediate', 'root', 'root'])
})

test('what is to issue below one that is retired waits until that is active again', async () => {
  const above = between + ca.rootPem
  const refused = await newAuthority(ca, 'north', { root: policy, above, status: 409 })
  const reason = `The intermediate "${id}" is retired, and in no bundle`
  expect(refused.json.detail).toContain(reason)
  // Staged, it may stand there.
  await newAuthority(ca, 'next', { replaces: 'intermediate', root: policy, above })
  const dryRun = await ca.call('/v1/authorities/next/phase', { body: { phase: 'active', dryRun: true } })
  expect(dryRun.json.checks).toContainEqual({
    ...{ name: 'chain', ok: false },
    detail: expect.stringContaining(`Its intermediate "${id}" is retired`),
  })
  ca.now += DAY * 1000
  const current = await ca.call(`/crl/${id}.crl`, { as: null }, ca.http)
  await bringCrl(await policyCrl(90 * DAY, current.body))
  expect(await phase(id, 'active')).toMatchObject({ status: 200 })
  await newAuthority(ca, 'south', { root: policy, above })
  expect(await crlsIn('south')).toContain(id)
  // Its CRL is new to the bundles.
  const early = await ca.call('/v1/authorities/next/phase', { body: { phase: 'active', dryRun: true } })
  expect(early.json.checks).toContainEqual({
    ...{ name: 'propagation', ok: false },
    detail: expect.stringContaining(`Its intermediate "${id}" has been in the bundles since`),
  })
  ca.now += DAY * 1000
  const later = await ca.call('/v1/authorities/next/phase', { body: { phase: 'active', dryRun: true } })
  expect(later.json.checks).toContainEqual(expect.objectContaining({ name: 'propagation', ok: true }))
})
