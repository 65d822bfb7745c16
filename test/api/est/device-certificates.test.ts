import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../../src/clock.ts'
import { DeviceTrust } from '../../../src/est/device-certificate.ts'
import { csrDer } from '../requests.ts'
import { identityOf, type Made, make, type Shape } from './device-hierarchy.ts'
import { EstCa } from './est-ca.ts'
import { TlsClient } from './tls-client.ts'

const csr = csrDer(['dns:device-7.example.test'])
const root = make('Manufacturer Root', null, { ca: true })
const line = make('Manufacturer Line 1', root, { ca: true, pathLength: 0 })
const device = (issuer: Made, shape: Shape = {}) => make('Device 7', issuer, shape)

let est: EstCa
let folder: string
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'chancery-anchors-'))
  const file = join(folder, 'anchors.pem')
  writeFileSync(file, make('Another Root', null, { ca: true }).pem + root.pem)
  est = await EstCa.create({
    est: { labels: { devices: { profile: 'peer', names: ['example.test'], trustAnchors: [file] } } },
  })
})
afterAll(async () => {
  await est.close()
  rmSync(folder, { recursive: true, force: true })
})

const at = 'devices/simpleenroll'

test.each([
  ['of the trust anchor itself', identityOf(device(root))],
  ['for clients', identityOf(device(root, { purposes: ['clientAuth'] }))],
  ['for clients and servers', identityOf(device(root, { purposes: ['serverAuth', 'clientAuth'] }))],
  ['for any purpose', identityOf(device(root, { purposes: ['2.5.29.37.0'] }))],
  ['of an intermediate that is sent along', identityOf(device(line), line)],
  ['with the trust anchor sent along', identityOf(device(line), line, root)],
  ['without an end (IEEE 802.1AR)', identityOf(device(root, { to: 365 * 7000 }))],
])('a device enrols by a certificate %s', async (_, identity) => {
  const leaf = await est.enrolled({ at, csr, identity })
  expect(leaf.subjectAltName).toBe('DNS:device-7.example.test')
  const [row] = await est.ca.audit('certificate.issue')
  expect(row!.actor).toMatch(/^device:[0-9a-f]{32}$/)
})

const stranger = make('Stranger', null, { ca: true })
const deep = make('Below Line 1', line, { ca: true })
const notCa = device(root)
const expiredLine = make('Line 0', root, { ca: true, from: -20, to: -1 })

test.each([
  ['of another manufacturer', identityOf(device(stranger), stranger)],
  ['of an intermediate that was never sent', identityOf(device(make('Line 2', root, { ca: true })))],
  ['that has expired', identityOf(device(root, { from: -20, to: -1 }))],
  ['that is not valid yet', identityOf(device(root, { from: 1 }))],
  ['for servers alone', identityOf(device(root, { purposes: ['serverAuth'] }))],
  ['of a device, which is no CA', identityOf(make('Device 8', notCa), notCa)],
  ['of an intermediate that has expired', identityOf(device(expiredLine), expiredLine)],
  ['beyond the path length of an intermediate', identityOf(device(deep), deep, line)],
  ['by the name of the trust anchor and another key', identityOf(device({ ...root, key: stranger.key }))],
  [
    'of an intermediate by the name of a good one and another key',
    identityOf(device({ ...line, key: stranger.key }), line),
  ],
])('a device is refused with a certificate %s', async (_, identity) => {
  const { status, headers } = await est.refused({ at, csr, identity })
  expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm="chancery"'])
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'a device whose session is resumed over %s enrols by the intermediate that it sent before',
  async (version) => {
    const identity = identityOf(device(line), line)
    const call = { headers: { 'Content-Type': 'application/pkcs10' }, body: csr.toString('base64') }
    const first = await TlsClient.connect(est.port, est.ca.rootPem, version, { identity })
    expect((await first.request('POST', `/.well-known/est/${at}`, call)).status).toBe(200)
    const session = await first.session
    first.close()
    const second = await TlsClient.connect(est.port, est.ca.rootPem, version, { identity, session })
    expect(second.socket.isSessionReused()).toBe(true)
    expect((await second.request('POST', `/.well-known/est/${at}`, call)).status).toBe(200)
    second.close()
  },
)

test('a device opens no other label, and renews no certificate by what its manufacturer gave it', async () => {
  const identity = identityOf(device(root))
  expect((await est.refused({ csr, identity })).status).toBe(401)
  expect((await est.refused({ at: 'devices/simplereenroll', csr, identity })).status).toBe(401)
})

test('a device is refused names that the label does not allow, and all at once', async () => {
  const identity = identityOf(device(root))
  const names = [
    'dns:device-7.example.test',
    'dns:device-7.example.org',
    'dns:notexample.test',
    'ip:192.0.2.1',
  ]
  const { status, text } = await est.refused({ at, csr: csrDer(names), identity })
  expect(status).toBe(403)
  expect(text).toContain('dns:device-7.example.org')
  expect(text).toContain('ip:192.0.2.1')
})

test('a trust anchor that is no CA is refused at the start', () => {
  expect(() => new DeviceTrust([notCa.der])).toThrow('A trust anchor is no CA certificate: "CN=Device 7".')
})

test('many CAs that certify each other are looked at once each', () => {
  // Unauthenticated clients choose what they send: every path through these would be millions of signatures.
  const { privateKey: key } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const ring = make('Ring', null, { ca: true, key })
  const others = Array.from({ length: 10 }, () => make('Ring', ring, { ca: true, key }).der)
  const leaf = device(ring).der
  const devices = new DeviceTrust([root.der])
  expect(() => devices.prove({ certificate: leaf, others }, systemClock())).toThrow('is trusted here')
})

test('a CA whose key cannot be read is passed over', () => {
  const broken = Buffer.from(line.der)
  // id-ecPublicKey becomes an algorithm that nobody has.
  const at = broken.indexOf(Buffer.from('06072a8648ce3d0201', 'hex'))
  broken[at + 8] = 0x77
  const devices = new DeviceTrust([root.der])
  const leaf = device(line).der
  expect(() => devices.prove({ certificate: leaf, others: [broken] }, systemClock())).toThrow(
    'is trusted here',
  )
  expect(() => devices.prove({ certificate: leaf, others: [broken, line.der] }, systemClock())).not.toThrow()
})
