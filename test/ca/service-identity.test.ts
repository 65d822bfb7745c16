import { createPrivateKey, X509Certificate } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { renewalTime } from '../../src/ca/kept-identity.ts'
import { hasItsChain, serviceIdentity } from '../../src/ca/service-identity.ts'
import { decodePem } from '../../src/pki/pem.ts'
import { DAY, PASSPHRASE, TestCa } from '../api/ca-fixture.ts'
import { crossed, installRoots, newAuthority, ownRoot, secondRoot } from '../api/new-authority.ts'

let ca: TestCa
beforeEach(async () => {
  faults = []
  ca = await TestCa.create()
})
afterEach(() => ca.close())

const NAMES = [
  { type: 'dns' as const, value: 'localhost' },
  { type: 'ip' as const, value: '127.0.0.1' },
]
let faults: unknown[] = []
const onFault = (error: unknown) => faults.push(error)
const identify = (names = NAMES) =>
  serviceIdentity({ ...ca.service, directory: ca.directory, passphrase: PASSPHRASE, names, onFault })
const file = () => join(ca.directory, 'keys', 'service-tls.pem')

test('comes by the one path: recorded, audited, by the service’s own profile', async () => {
  const { key, certificate, notBefore, notAfter } = await identify()
  const [leaf, issuer, ...more] = decodePem(certificate, 'chain').map(({ der }) => new X509Certificate(der))
  expect(more).toEqual([])
  expect(leaf!.checkPrivateKey(createPrivateKey(key))).toBe(true)
  expect(leaf!.verify(issuer!.publicKey)).toBe(true)
  expect(leaf!.subjectAltName).toBe('DNS:localhost, IP Address:127.0.0.1')
  expect([notBefore, notAfter]).toEqual([ca.seconds - 300, ca.seconds + 30 * DAY])
  const row = await ca.service.store.read.certificate(leaf!.serialNumber.toLowerCase())
  expect(row).toMatchObject({ profile: 'chancery-tls', principal: 'system:tls' })
  expect((await ca.audit('certificate.issue'))[0]).toMatchObject({
    actor: 'system:tls',
    target: row!.serialNumber,
  })
  expect(statSync(file()).mode & 0o777).toBe(0o600)
  expect(readFileSync(file(), 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----/)
})

test('is kept over a restart, and renewed at two thirds of its life', async () => {
  const first = await identify()
  await ca.reopen()
  expect(await identify()).toEqual(first)
  ca.now = (renewalTime(first) - 1) * 1000
  expect(await identify()).toEqual(first)
  ca.now += 1000
  const second = await identify()
  expect(second.certificate).not.toBe(first.certificate)
  expect(second.key).not.toBe(first.key)
  expect(second.notAfter).toBe(ca.seconds + 30 * DAY)
  expect(await identify()).toEqual(second)
})

test('stays while the clock is set back to before its authority: the next would begin no sooner', async () => {
  const first = await identify()
  const { notBefore } = ca.service.authorities.issuing().certificate
  const before = ca.now
  for (const back of [1, 100 * DAY]) {
    ca.now = (notBefore - back) * 1000
    expect(await identify()).toEqual(first)
  }
  ca.now = before
  expect(await identify()).toEqual(first)
  expect(faults).toEqual([])
})

test('goes without a cross-certificate that has ended, and keeps key and certificate', async () => {
  await ca.close()
  ca = await TestCa.create({ options: { tls: { chain: 'root' } } })
  const { authorities } = ca.service
  const next = await secondRoot(ca)
  const cross = await crossed(ca, next.root, await ownRoot(ca), 10 * DAY)
  await installRoots(ca, next.certificate, next.crl, cross)
  await newAuthority(ca, 'next', { replaces: 'intermediate', root: next.root })
  const body = { phase: 'active', force: ['propagation'] }
  expect((await ca.call('/v1/authorities/next/phase', { body })).status).toBe(200)
  const bridged = await identify()
  expect(bridged.certificate.endsWith(cross)).toBe(true)
  ca.now += 10 * DAY * 1000 - 1000
  expect(hasItsChain(bridged, authorities)).toBe(true)
  ca.now += 1000
  expect(hasItsChain(bridged, authorities)).toBe(false)
  const own = await identify()
  expect(own).toMatchObject({ key: bridged.key, serialNumber: bridged.serialNumber })
  expect(bridged.certificate).toBe(own.certificate + cross)
  expect(hasItsChain(own, authorities)).toBe(true)
})

test('is made anew for other names, after its revocation, and where the file is spoilt or open to others', async () => {
  const seen = new Set<string>()
  const expectNew = async (names = NAMES) => {
    const { certificate } = await identify(names)
    expect(seen.has(certificate)).toBe(false)
    seen.add(certificate)
    expect((await identify(names)).certificate).toBe(certificate)
    return new X509Certificate(certificate).serialNumber.toLowerCase()
  }
  await expectNew()
  const serialNumber = await expectNew([...NAMES, { type: 'dns', value: 'ca.example.test' }])
  await ca.call(`/v1/certificates/${serialNumber}/revoke`, { body: {} })
  await expectNew([...NAMES, { type: 'dns', value: 'ca.example.test' }])
  expect(faults).toEqual([])
  chmodSync(file(), 0o644)
  await expectNew()
  expect(faults).toMatchObject([{ detail: expect.stringContaining('may be read by others') }])
  writeFileSync(file(), 'spoilt')
  await expectNew()
  expect(faults).toMatchObject([{}, { code: 'malformedPem' }])
  writeFileSync(file(), ca.issuerPem)
  await expectNew()
})

test('is good also where it cannot be kept on disk, and the next start makes another', async () => {
  const first = await identify()
  mkdirSync(`${file()}.new`)
  ca.now = renewalTime(first) * 1000
  const second = await identify()
  expect(second.notAfter).toBe(ca.seconds + 30 * DAY)
  expect(faults).toMatchObject([{ detail: expect.stringContaining('could not be written: EISDIR') }])
  rmdirSync(`${file()}.new`)
  const third = await identify()
  expect(third.serialNumber).not.toBe(second.serialNumber)
  expect(await identify()).toEqual(third)
})

test('at its authority’s end no other is made that would end no later', async () => {
  ca.now = (ca.service.authorities.issuing().usableUntil - 100) * 1000
  const last = await identify()
  ca.now += 10_000
  expect(await identify()).toEqual(last)
})

test('cannot renew itself by the API: only the service uses its profile', async () => {
  await ca.listen()
  const { key, certificate } = await identify([NAMES[0]!])
  const serialNumber = new X509Certificate(certificate).serialNumber.toLowerCase()
  const answer = await ca.send(`/v1/certificates/${serialNumber}/renew`, { identity: { key, certificate } })
  expect(answer.json).toMatchObject({ status: 400, type: 'urn:chancery:problem:unknownProfile' })
})
