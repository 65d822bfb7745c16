import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { publicUrls, sharedExtensions } from '../../src/ca/certificate-template.ts'
import { decide, type Grant } from '../../src/ca/policy/grant.ts'
import { prepare } from '../../src/ca/prepare.ts'
import { checkAgainstGrant } from '../../src/ca/tbs-check.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  nameConstraints,
  noRevAvail,
  subjectAltName,
  subjectKeyIdentifier,
  tlsFeature,
} from '../../src/pki/certificate/extensions.ts'
import { encodeTbs } from '../../src/pki/certificate/tbs.ts'
import { parseCsr } from '../../src/pki/csr/parse.ts'
import { encodeName } from '../../src/pki/distinguished-name.ts'
import { SIGNATURE_ALGORITHMS } from '../../src/pki/keys/algorithms.ts'
import { keyIdentifier, readPublicKey } from '../../src/pki/keys/public-key.ts'
import { PUBLIC_URL, TestCa } from '../api/ca-fixture.ts'
import { csrDer } from '../api/requests.ts'
import { refusal } from '../pki/refusal.ts'

type Body = Parameters<typeof encodeTbs>[0]

const SERIAL = '4f'.repeat(20)
let ca: TestCa
let grant: Grant
let body: Body
beforeAll(async () => {
  ca = await TestCa.create()
  const csr = parseCsr(csrDer(['dns:a.example.test', 'ip:192.0.2.1'], { commonName: 'a.example.test' }))
  const { authorities, profiles } = ca.service
  const context = { authorities, profiles, defaultProfile: 'server' }
  grant = decide({ proof: { kind: 'csr', csr } }, { kind: 'admin', id: 'admin:test' }, context, ca.seconds)
  const { authority, publicKey, profile, names, subject, validity } = grant
  body = {
    serialNumber: SERIAL,
    signature: authority.signer!.algorithm,
    issuer: authority.certificate.subject,
    ...validity,
    subject,
    spki: publicKey.spki,
    extensions: [
      ...sharedExtensions(authority, profile, publicUrls(PUBLIC_URL), null),
      subjectKeyIdentifier(keyIdentifier(publicKey)),
      subjectAltName(names, false),
    ],
  }
})
afterAll(() => ca.close())

const other = () => readPublicKey(parseCsr(csrDer(['dns:x.test'])).publicKey.spki)
const check = (changes: Partial<Body>, serialNumber = SERIAL) =>
  checkAgainstGrant(encodeTbs({ ...body, ...changes }), serialNumber, grant)
/** The extensions with one replaced, or left out. */
const changed = (oid: string, extension?: Extension) => ({
  extensions: [...body.extensions.filter((one) => one.oid !== oid), ...(extension ? [extension] : [])],
})
const added = (extension: Extension) => ({ extensions: [...body.extensions, extension] })
const dns = (value: string) => ({ type: 'dns' as const, value })

test('what was granted passes', () => {
  expect(() => check({})).not.toThrow()
})

describe('one difference is enough:', () => {
  const SAN = '2.5.29.17'
  const cases: [string, () => Partial<Body>][] = [
    ['serialNumber', () => ({ serialNumber: '4e'.repeat(20) })],
    ['issuer', () => ({ issuer: encodeName([{ type: 'CN', value: 'Other CA' }]) })],
    ['subject', () => ({ subject: encodeName([{ type: 'CN', value: 'b.example.test' }]) })],
    ['subject', () => ({ subject: encodeName([]) })],
    ['validity', () => ({ notAfter: body.notAfter + 1 })],
    ['validity', () => ({ notBefore: body.notBefore - 1 })],
    ['subjectPublicKeyInfo', () => ({ spki: other().spki })],
    ['signature algorithm', () => ({ signature: SIGNATURE_ALGORITHMS[1]! })],
    ['subjectAltName', () => changed(SAN, subjectAltName([...grant.names, dns('evil.test')], false))],
    ['subjectAltName', () => changed(SAN, subjectAltName(grant.names.slice(1), false))],
    ['subjectAltName', () => changed(SAN, subjectAltName([dns('b.example.test'), grant.names[1]!], false))],
    ['subjectAltName', () => changed(SAN, subjectAltName(grant.names, true))],
    ['subjectAltName', () => changed(SAN)],
    ['basicConstraints', () => changed('2.5.29.19', basicConstraints({ ca: true }))],
    ['keyUsage', () => changed('2.5.29.15', keyUsage(['digitalSignature', 'keyCertSign']))],
    ['keyUsage', () => changed('2.5.29.15')],
    [
      'extension 2.5.29.15',
      () => changed('2.5.29.15', { ...keyUsage(['digitalSignature']), critical: false }),
    ],
    ['extKeyUsage', () => changed('2.5.29.37', extendedKeyUsage(['serverAuth', 'OCSPSigning']))],
    ['extKeyUsage', () => changed('2.5.29.37', extendedKeyUsage(['clientAuth']))],
    ['extKeyUsage', () => changed('2.5.29.37')],
    ['authorityKeyIdentifier', () => changed('2.5.29.35', authorityKeyIdentifier(Buffer.alloc(20)))],
    ['authorityKeyIdentifier', () => changed('2.5.29.35')],
    ['subjectKeyIdentifier', () => changed('2.5.29.14', subjectKeyIdentifier(Buffer.alloc(20)))],
    ['subjectKeyIdentifier', () => changed('2.5.29.14')],
    ['cRLDistributionPoints', () => changed('2.5.29.31')],
    ['authorityInfoAccess', () => changed('1.3.6.1.5.5.7.1.1')],
    ['noRevAvail', () => added(noRevAvail())],
    ['tlsFeature', () => added(tlsFeature([5]))],
    [
      'certificatePolicies',
      () => added({ oid: '2.5.29.32', critical: false, value: Buffer.from('3000', 'hex') }),
    ],
    ['extension 2.5.29.30', () => added(nameConstraints({ permitted: { dns: ['example.test'] } }))],
    [
      'extension 1.2.3.4',
      () => added({ oid: '1.2.3.4', critical: false, value: Buffer.from('0500', 'hex') }),
    ],
  ]
  test.for(cases)('%s', async ([what, changes]) => {
    const error = refusal(() => check(changes()))
    expect(error.code).toBe('internal')
    expect(error.detail).toMatch(new RegExp(`differs from what was granted: (.*, )?${what}(,|\\.)`))
  })

  test('a serial number that is shorter than all of ours', () => {
    expect(refusal(() => check({ serialNumber: '4f4f' }, '4f4f')).detail).toContain('serialNumber')
  })

  test('a life beyond the issuer’s, though it was granted', () => {
    const notAfter = grant.authority.usableUntil + 1
    const long = { ...grant, validity: { ...grant.validity, notAfter } }
    const error = refusal(() => checkAgainstGrant(encodeTbs({ ...body, notAfter }), SERIAL, long))
    expect(error.detail).toContain('validity beyond the issuer')
  })

  test('bytes that are no certificate', () => {
    expect(refusal(() => checkAgainstGrant(Buffer.of(0x30, 0), SERIAL, grant)).code).toBe('internal')
  })
})

describe('prepare', () => {
  const shared = () => body.extensions.slice(0, -2)

  test('gives bytes once', () => {
    const prepared = prepare(grant, grant.authority.signer!, shared)
    expect(prepared.take()).toBeInstanceOf(Buffer)
    expect(refusal(() => prepared.take()).code).toBe('internal')
  })

  test('is the only one that makes a Prepared', () => {
    const prepared = prepare(grant, grant.authority.signer!, shared)
    const Prepared = prepared.constructor as new (...args: unknown[]) => unknown
    expect(refusal(() => new Prepared(Symbol('made by prepare'), SERIAL, grant, Buffer.alloc(1))).code).toBe(
      'internal',
    )
  })

  test('refuses a template that gives more than was granted', () => {
    const evil = shared().map((one) => (one.oid === '2.5.29.19' ? basicConstraints({ ca: true }) : one))
    const error = refusal(() => prepare(grant, grant.authority.signer!, () => evil))
    expect([error.code, error.detail]).toEqual(['internal', expect.stringContaining('basicConstraints')])
  })

  test('gives every certificate its own serial number', () => {
    const many = Array.from({ length: 100 }, () => prepare(grant, grant.authority.signer!, shared))
    const serials = many.map((prepared) => prepared.serialNumber)
    expect(new Set(serials).size).toBe(100)
    for (const one of serials) expect(one).toMatch(/^[4-7][0-9a-f]{39}$/)
  })
})
