import { describe, expect, test } from 'vitest'
import { makeIntermediateCertificate } from '../../../src/ca/hierarchy/ca-certificate.ts'
import { proveAuthorityChain, proveRoot } from '../../../src/ca/hierarchy/chain.ts'
import { createKeySigner } from '../../../src/ca/key-signer.ts'
import { basicConstraints, type Extension, keyUsage } from '../../../src/pki/certificate/extensions.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import { encodeTbs } from '../../../src/pki/certificate/tbs.ts'
import { context, contextPrimitive, oid, sequence, setOf, TAG, tlv } from '../../../src/pki/der/write.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import {
  makeRoot,
  NOT_AFTER,
  NOT_BEFORE,
  newKeyPair,
  ROOT_NAME,
  signTbs,
  spkiOf,
} from '../../pki/certificate/sample.ts'
import { expectRefusal } from '../../pki/refusal.ts'

const rootKeys = newKeyPair()
const root = makeRoot(rootKeys)
const signer = createKeySigner(newKeyPair().privateKey, null)
const NOW = NOT_BEFORE + 86_400

function intermediate(
  extensions: readonly Extension[],
  notAfter = NOT_AFTER,
  issuer: Buffer = ROOT_NAME,
  subject: Buffer = encodeName([{ type: 'CN', value: 'Issuing' }]),
): Buffer {
  const algorithm = signatureAlgorithm('ec', 'sha256')
  const tbs = encodeTbs({
    serialNumber: '4f02',
    signature: algorithm,
    issuer,
    subject,
    notBefore: NOT_BEFORE,
    notAfter,
    spki: signer.spki,
    extensions,
  })
  return signTbs(tbs, algorithm, rootKeys.privateKey)
}

const CA = basicConstraints({ ca: true, pathLength: 0 })
const SIGNS = keyUsage(['keyCertSign', 'cRLSign'])
const prove = (certificate: Buffer) => proveAuthorityChain([certificate, root], signer.spki, NOW)

test('what a root of ours signs fits', async () => {
  const rootSigner = createKeySigner(rootKeys.privateKey, null)
  const { der } = await makeIntermediateCertificate(
    {
      subject: encodeName([{ type: 'CN', value: 'Issuing' }]),
      spki: signer.spki,
      pathLength: 0,
      nameConstraints: { permitted: { dns: ['example.test'] } },
      validity: 86_400,
      urls: null,
    },
    parseCertificate(root),
    'root',
    rootSigner,
    new Date(NOW * 1000),
  )
  expect(prove(der)).toHaveLength(2)
})

describe('an issuing certificate is refused', () => {
  test.each([
    ['without key usage', [CA], /key usages keyCertSign and cRLSign/],
    ['that cannot sign CRLs', [CA, keyUsage(['keyCertSign'])], /key usages keyCertSign and cRLSign/],
    ['that cannot sign certificates', [CA, keyUsage(['cRLSign'])], /keyCertSign/],
    ['that is no CA', [basicConstraints({ ca: false }), SIGNS], /CA:TRUE/],
    [
      'with a critical extension that nobody knows',
      [CA, SIGNS, { oid: '1.2.3.4', critical: true, value: Buffer.from([5, 0]) }],
      /1\.2\.3\.4/,
    ],
    [
      'whose name constraints cannot be read, since no start could read them either',
      [
        CA,
        SIGNS,
        // permittedSubtrees of a DNS name with a maximum, which RFC 5280 4.2.1.10 forbids.
        { oid: '2.5.29.30', critical: true, value: Buffer.from('300da00b30098204612e7465810105', 'hex') },
      ],
      /The nameConstraints is not valid DER: it has bytes after its end/,
    ],
    [
      'whose extended key usage cannot be read',
      [CA, SIGNS, { oid: '2.5.29.37', critical: false, value: Buffer.from([5, 0]) }],
      /The extKeyUsage is not valid DER/,
    ],
  ] as const)('%s', (_what, extensions, detail) => {
    expect(() => prove(intermediate(extensions))).toThrow(detail)
  })

  test('that outlives its issuer by more than a day', () => {
    expect(prove(intermediate([CA, SIGNS], NOT_AFTER + 86_400))).toHaveLength(2)
    expect(() => prove(intermediate([CA, SIGNS], NOT_AFTER + 86_401))).toThrow(/outlives its issuer/)
  })
})

test('an issuer in other string types than the root’s subject is refused, and the reason says so', () => {
  const printable = Buffer.from(ROOT_NAME)
  printable[printable.lastIndexOf('Example Root') - 2] = TAG.printableString
  expect(() => prove(intermediate([CA, SIGNS], NOT_AFTER, printable))).toThrow(/in other string types/)
  const other = encodeName([{ type: 'CN', value: 'Another' }])
  expect(() => prove(intermediate([CA, SIGNS], NOT_AFTER, other))).toThrow(/Example Root,O=[^"]*"\.$/)
})

test('a certificate that stands twice in the chain is refused', () => {
  const certificate = intermediate([CA, SIGNS])
  expect(() => proveAuthorityChain([certificate, root, root], signer.spki, NOW)).toThrow(
    /has "[^"]*Example Root[^"]*" twice/,
  )
})

describe('below a root that keeps to directory names', () => {
  const keepingTo = (kind: number, organisation: string) =>
    makeRoot(rootKeys, undefined, [
      {
        ...{ oid: '2.5.29.30', critical: true },
        value: sequence(
          context(kind, sequence(context(4, encodeName([{ type: 'O', value: organisation }])))),
        ),
      },
    ])
  const named = (subject: Buffer) => intermediate([CA, SIGNS], NOT_AFTER, ROOT_NAME, subject)
  const below = encodeName([
    { type: 'O', value: 'Example' },
    { type: 'CN', value: 'Issuing' },
  ])
  const proveBelow = (certificate: Buffer, above: Buffer) => () =>
    proveAuthorityChain([certificate, above], signer.spki, NOW)

  test('an issuing certificate below one of them is taken', () => {
    expect(proveBelow(named(below), keepingTo(0, 'Example'))).not.toThrow()
    expect(proveBelow(named(below), keepingTo(1, 'Other'))).not.toThrow()
  })

  test('any other is refused', () => {
    const aside = encodeName([{ type: 'CN', value: 'Issuing' }])
    expect(proveBelow(named(aside), keepingTo(0, 'Example'))).toThrow(/name constraints of .* leave out/)
    expect(proveBelow(named(below), keepingTo(1, 'Example'))).toThrow(/name constraints of .* leave out/)
  })
})

describe('the authorityKeyIdentifier of what a root signed', () => {
  const identifier = (...parts: Buffer[]): Extension => ({
    oid: '2.5.29.35',
    critical: false,
    value: sequence(...parts),
  })
  const keyOf = (key: Uint8Array) => contextPrimitive(0, key)
  const certificateOf = (serialNumber: number) => [
    context(1, context(4, ROOT_NAME)),
    contextPrimitive(2, Buffer.of(0x4f, serialNumber)),
  ]
  const own = parseCertificate(root).subjectKeyIdentifier!

  test.each([
    ['its key', [keyOf(own)]],
    ['its key, its name and its serial number', [keyOf(own), ...certificateOf(1)]],
  ])('is that of the root: %s', (_, parts) => {
    expect(prove(intermediate([CA, SIGNS, identifier(...parts)]))).toHaveLength(2)
  })

  test.each([
    ['another identifier of the key', [keyOf(Buffer.alloc(20, 7))]],
    ['the serial number that it had before it was renewed', [keyOf(own), ...certificateOf(0)]],
  ])('is refused if it is not: %s', (_, parts) => {
    const certificate = intermediate([CA, SIGNS, identifier(...parts)])
    expect(() => prove(certificate)).toThrow(/OpenSSL, for one, would refuse the chain/)
  })
})

describe('a root of another CA whose name is', () => {
  const name = (tag: number, hex: string) =>
    sequence(setOf(sequence(oid('2.5.4.3'), tlv(tag, Buffer.from(hex, 'hex')))))
  const proveNamed = (subject: Buffer) => {
    const algorithm = signatureAlgorithm('ec', 'sha256')
    const keys = newKeyPair()
    const tbs = encodeTbs({
      ...{ serialNumber: '4f03', signature: algorithm, issuer: subject, subject },
      ...{ notBefore: NOT_BEFORE, notAfter: NOT_AFTER, spki: spkiOf(keys.publicKey) },
      extensions: [basicConstraints({ ca: true }), SIGNS],
    })
    return () => proveRoot(parseCertificate(signTbs(tbs, algorithm, keys.privateKey)), NOW)
  }

  test.each([
    ['a PrintableString', 0x13, '526f6f74'],
    ['a TeletexString, taken for Latin-1', 0x14, '57fc727a656c'],
    ['a BMPString', 0x1e, '005700fc0072007a0065006c'],
    ['a UniversalString', 0x1c, '00000057000000fc'],
  ])('%s is taken', (_, tag, hex) => expect(proveNamed(name(tag, hex))).not.toThrow())

  test.each([
    ['a UTF8String that is not UTF-8', 0x0c, '57fc'],
    ['a BMPString of half a character', 0x1e, '005700'],
    ['a UniversalString beyond Unicode', 0x1c, '00110000'],
    ['a VisibleString', 0x1a, '526f6f74'],
  ])('%s is refused, since OpenSSL cannot read it', (_, tag, hex) =>
    expectRefusal(proveNamed(name(tag, hex)), 'badAuthorityCertificate', /OpenSSL cannot read "CN=#/),
  )
})
