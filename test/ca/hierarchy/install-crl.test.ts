import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Authority } from '../../../src/ca/authority.ts'
import { makeRootCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { installCrl } from '../../../src/ca/hierarchy/install-crl.ts'
import { isCrlOf } from '../../../src/ca/hierarchy/prove-crl.ts'
import { createKeySigner } from '../../../src/ca/key-signer.ts'
import type { Signer } from '../../../src/ca/signer.ts'
import { basicConstraints, keyUsage } from '../../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { parseCrl } from '../../../src/pki/crl/parse.ts'
import { context, contextPrimitive, integer, integerContent, sequence } from '../../../src/pki/der/write.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { type HashName, SIGNATURE_ALGORITHMS } from '../../../src/pki/keys/algorithms.ts'
import { assembleSigned } from '../../../src/pki/signed.ts'
import { generateEcKey, SmallCa } from '../../ocsp/small-ca.ts'
import { audit } from '../../store/records.ts'
import { type CrlChanges, crlToBring } from './crl-to-bring.ts'

const DAY = 86_400

let ca: SmallCa
beforeAll(async () => {
  ca = await SmallCa.create()
})
afterAll(() => ca.close())

const install = (der: Uint8Array, authority: Authority = ca.root) =>
  installCrl(ca.store, authority, der, ca.clock(), audit('crl.install', authority.id))
const rows = async () => (await ca.store.read.listAudit({ action: 'crl.install' }, { limit: 99 })).rows

test('what is refused leaves nothing behind', async () => {
  const refuse = async (changes: CrlChanges, reason: RegExp, code = 'badCrl') => {
    const error = await crlToBring(ca, changes)
      .then(install)
      .catch((one: unknown) => one)
    expect(error).toMatchObject({ code, detail: expect.stringMatching(reason) })
  }
  const other = createKeySigner(generateEcKey(), null)
  const rsa = SIGNATURE_ALGORITHMS.find(({ name }) => name === 'sha256WithRSAEncryption')!
  const sha1 = {
    ...rsa,
    oid: '1.2.840.113549.1.1.5',
    identifier: Buffer.from('300d06092a864886f70d0101050500', 'hex'),
  }
  const extra = (oid: string, critical: boolean, value = sequence()) => ({
    extra: [{ oid, critical, value }],
  })

  await refuse(
    { issuer: encodeName([{ type: 'CN', value: 'Other' }]) },
    /is of "CN=Other", and not of "CN=Test Root"/,
  )
  await refuse({ keyIdentifier: Buffer.alloc(20) }, /another key of this name/)
  await refuse({ keyIdentifier: null }, /no authorityKeyIdentifier/)
  await refuse({ signer: other }, /signature of the CRL does not verify/)
  await refuse({ algorithm: rsa }, /signature of the CRL does not verify/)
  await refuse({ algorithm: sha1 }, /weak or not supported \(1\.2\.840\.113549\.1\.1\.5\)/)
  await refuse({ thisUpdate: ca.seconds + 1 }, /from the future/)
  await refuse({ thisUpdate: ca.seconds - DAY, nextUpdate: ca.seconds }, /has expired/)
  await refuse({ nextUpdate: null }, /no nextUpdate/)
  await refuse({ number: null }, /no cRLNumber/)
  await refuse({ number: Buffer.alloc(20, 1) }, /above 2\^53/)
  await refuse(extra('2.5.29.27', true, integer(1)), /delta CRL/)
  // Not critical, against RFC 5280 5.2.4: a delta all the same.
  await refuse(extra('2.5.29.27', false, integer(1)), /delta CRL/)
  await refuse(extra('2.5.29.28', true), /issuingDistributionPoint/)
  await refuse(extra('1.2.3', true), /critical extension that is not known here \(1\.2\.3\)/)

  const der = await crlToBring(ca)
  der[der.length - 1]! ^= 1
  await expect(install(der)).rejects.toMatchObject({ code: 'badCrl' })
  await expect(install(Buffer.from('CRL'))).rejects.toMatchObject({ code: 'badCrl' })
  await expect(install(await crlToBring(ca), ca.issuing)).rejects.toMatchObject({
    code: 'conflict',
    detail: expect.stringContaining('key of authority "issuing" is here'),
  })
  expect(await ca.store.read.latestCrl('root')).toBeNull()
  expect(await rows()).toEqual([])
})

test('what fits is stored with its audit row, and only a higher number follows it', async () => {
  const der = await crlToBring(ca, { number: 7, revoked: [{}, { serialNumber: '41', reason: 2 }] })
  await install(der)
  expect(await ca.store.read.latestCrl('root')).toEqual({
    number: 7,
    thisUpdate: ca.seconds,
    nextUpdate: ca.seconds + 90 * DAY,
    entries: 2,
    der,
  })
  expect(await rows()).toMatchObject([{ target: 'root', result: 'ok', detail: { number: 7, entries: 2 } }])
  for (const number of [7, 6]) {
    await expect(install(await crlToBring(ca, { number }))).rejects.toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining(`has number ${number}, but number 7`),
    })
  }
  await install(await crlToBring(ca, { number: 8, thisUpdate: ca.seconds - DAY }))
  expect((await ca.store.read.latestCrl('root'))!.number).toBe(8)
  expect(await rows()).toHaveLength(2)
})

async function rootOf(signer: Signer): Promise<Authority> {
  const certificate = await makeRootCertificate(signer, ca.root.certificate.subject, 3650 * DAY, ca.clock())
  return { ...ca.root, certificate, keyIdentifier: certificate.subjectKeyIdentifier! }
}

test.each<[string, Signer]>([
  ...(['sha256', 'sha384', 'sha512'] as HashName[]).flatMap((hash): [string, Signer][] => [
    [`ECDSA with ${hash}`, createKeySigner(generateEcKey('P-384'), hash)],
    [
      `RSA with ${hash}`,
      createKeySigner(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, hash),
    ],
  ]),
  ['Ed25519', createKeySigner(generateKeyPairSync('ed25519').privateKey, null)],
])('%s is verified', async (_name, signer) => {
  const root = await rootOf(signer)
  const number = (await ca.store.read.latestCrl('root'))!.number + 1
  const der = await crlToBring(ca, { signer, number, keyIdentifier: root.keyIdentifier })
  const { tbs } = parseCrl(der)
  const damaged = Buffer.from(der)
  // The last octet of what is signed, the cRLNumber's: another number, for the same signature.
  damaged[der.indexOf(tbs) + tbs.length - 1]! ^= 0x40
  await expect(install(damaged, root)).rejects.toMatchObject({
    code: 'badCrl',
    detail: expect.stringContaining('does not verify'),
  })
  await install(der, root)
  expect((await ca.store.read.latestCrl('root'))!.number).toBe(number)
})

test('a root without subjectKeyIdentifier is known by its signature, and one without cRLSign makes no CRLs', async () => {
  const signer = createKeySigner(generateEcKey(), null)
  const { subject } = ca.root.certificate
  async function rootWith(usages: Parameters<typeof keyUsage>[0]): Promise<Authority> {
    const tbs = encodeTbs({
      serialNumber: '40',
      signature: signer.algorithm,
      issuer: subject,
      subject,
      notBefore: ca.seconds,
      notAfter: ca.seconds + 3650 * DAY,
      spki: signer.spki,
      extensions: [basicConstraints({ ca: true }), keyUsage(usages)],
    })
    const certificate = parseCertificate(assembleSigned(tbs, signer.algorithm, await signer.sign(tbs)))
    return { ...ca.root, certificate }
  }
  const number = (await ca.store.read.latestCrl('root'))!.number + 1
  const der = await crlToBring(ca, { signer, number, keyIdentifier: null })
  await expect(install(der, await rootWith(['keyCertSign']))).rejects.toMatchObject({
    detail: expect.stringContaining('lacks key usage cRLSign'),
  })
  await install(der, await rootWith(['keyCertSign', 'cRLSign']))
  const stranger = await crlToBring(ca, { number: number + 1, keyIdentifier: null })
  await expect(install(stranger, await rootWith(['keyCertSign', 'cRLSign']))).rejects.toMatchObject({
    detail: expect.stringContaining('does not verify'),
  })
})

test('a CRL that names a certificate of its issuer is for that certificate alone, as OpenSSL has it', async () => {
  const { certificate, keyIdentifier } = ca.root
  const number = (await ca.store.read.latestCrl('root'))!.number + 1
  const naming = (serialNumber: string, ...names: Buffer[]) => {
    const value = sequence(
      contextPrimitive(0, keyIdentifier),
      context(1, ...names),
      contextPrimitive(2, integerContent(Buffer.from(serialNumber, 'hex'))),
    )
    const extra = [{ oid: '2.5.29.35', critical: false, value }]
    return crlToBring(ca, { number, keyIdentifier: null, extra })
  }
  const own = context(4, certificate.issuer)
  const url = contextPrimitive(6, Buffer.from('http://ca.example.test'))
  const otherName = context(4, encodeName([{ type: 'CN', value: 'Other' }]))
  for (const der of [
    // That of a renewed root, or of the one that it was before.
    await naming('4f02', own),
    await naming(certificate.serialNumber, otherName),
  ]) {
    await expect(install(der)).rejects.toMatchObject({
      code: 'badCrl',
      detail: expect.stringContaining('of another certificate of this CA'),
    })
  }
  await expect(install(await naming(certificate.serialNumber, Buffer.of(0xa4)))).rejects.toMatchObject({
    code: 'badCrl',
  })
  for (const names of [[own], [url, own], [url]])
    expect(isCrlOf(await naming(certificate.serialNumber, ...names), certificate)).toBe(true)
  const der = await naming(certificate.serialNumber, own)
  const renewed = { ...ca.root, id: 'root-renewed', certificate: { ...certificate, serialNumber: '4f02' } }
  // It is no CRL of the same CA by its other certificate, which has the one that it had.
  const wish = audit('crl.install', 'root')
  expect(await installCrl(ca.store, ca.root, der, ca.clock(), wish, [ca.root, renewed])).toEqual(['root'])
})
