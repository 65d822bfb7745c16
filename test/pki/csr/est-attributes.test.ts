import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { readChangeSubjectName } from '../../../src/pki/csr/change-subject-name.ts'
import { readChallengePassword, readIdentityLinking } from '../../../src/pki/csr/channel-binding.ts'
import { readKeyProtection } from '../../../src/pki/csr/key-protection.ts'
import { parseCsr } from '../../../src/pki/csr/parse.ts'
import {
  context,
  contextPrimitive,
  ia5String,
  integer,
  NULL,
  octetString,
  oid,
  printableString,
  sequence,
  TAG,
  tlv,
  utf8String,
} from '../../../src/pki/der/write.ts'
import { encodeName } from '../../../src/pki/distinguished-name.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'
import { expectRefusal, parsesOrRefuses } from '../refusal.ts'
import { attribute, buildCsr } from './building.ts'

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

const CHALLENGE_PASSWORD = '1.2.840.113549.1.9.7'
const IDENTITY_LINKING = '1.2.840.113549.1.9.16.2.58'
const CAPABILITIES = '1.2.840.113549.1.9.15'
const SYMMETRIC = '1.2.840.113549.1.9.16.2.37'
const ASYMMETRIC = '1.2.840.113549.1.9.16.2.54'
const CHANGE_SUBJECT_NAME = '1.3.6.1.5.5.7.7.36'

/** The attributes as a CSR brings them. */
const within = (...attributes: readonly Buffer[]) =>
  parseCsr(buildCsr({ key: privateKey, attributes: context(0, ...attributes) })).attributes

describe.each([
  ['challengePassword', CHALLENGE_PASSWORD, readChallengePassword],
  ['estIdentityLinking', IDENTITY_LINKING, readIdentityLinking],
])('%s', (_, type, read) => {
  it('is null where the CSR has none', () => {
    expect(read(within())).toBeNull()
  })

  it.each([
    ['PrintableString', printableString('QmFzZTY0+/=')],
    ['UTF8String', utf8String('QmFzZTY0+/=')],
    ['IA5String', ia5String('QmFzZTY0+/=')],
    ['BMPString', tlv(TAG.bmpString, Buffer.from('QmFzZTY0+/=', 'utf16le').swap16())],
  ])('is read from a %s', (_, value) => {
    expect(read(within(attribute(type, value)))).toBe('QmFzZTY0+/=')
  })

  it('has at most 255 characters', () => {
    expect(read(within(attribute(type, utf8String('ü'.repeat(255)))))).toHaveLength(255)
    expectRefusal(
      () => read(within(attribute(type, utf8String('x'.repeat(256))))),
      'malformedCsr',
      /1 to 255 char/,
    )
  })

  it.each([
    ['empty', [printableString('')], /1 to 255/],
    ['not text', [integer(5)], /1 to 255/],
    ['broken UTF-8', [tlv(TAG.utf8String, Buffer.from([0xff]))], /1 to 255/],
    ['there twice', [printableString('a'), printableString('b')], /several values/],
  ])('is refused where it is %s', (_, values, reason) => {
    expectRefusal(() => read(within(attribute(type, ...values))), 'malformedCsr', reason)
  })
})

describe('readChallengePassword', () => {
  it.skipIf(toolIsMissing('openssl'))('reads what openssl writes', () => {
    const config = `[req]
prompt = no
distinguished_name = dn
attributes = more
[dn]
CN = device
[more]
challengePassword = MmZjYjYwNTEtYjVkNC00
`
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' })
    const files = { 'key.pem': pem, 'req.cnf': config }
    const csr = runTool('openssl', ['req', '-new', '-key', 'key.pem', '-config', 'req.cnf'], files)
    const der = Buffer.from(csr.replace(/-----[^-]+-----/g, ''), 'base64')
    expect(readChallengePassword(parseCsr(der).attributes)).toBe('MmZjYjYwNTEtYjVkNC00')
  })
})

describe('readKeyProtection', () => {
  const identifier = Buffer.from('0102030405', 'hex')
  const wrap = sequence(oid('2.16.840.1.101.3.4.1.45'))
  const kdf = sequence(oid('1.3.132.1.11.1'), wrap)

  it('is null where no key is named, whatever the client can read', () => {
    expect(readKeyProtection(within())).toBeNull()
    expect(readKeyProtection(within(attribute(CAPABILITIES, sequence(wrap))))).toBeNull()
  })

  it.each([
    ['symmetric', SYMMETRIC],
    ['asymmetric', ASYMMETRIC],
  ])('reads the identifier of a %s key, and the capabilities in their order', (method, type) => {
    const asked = readKeyProtection(
      within(attribute(CAPABILITIES, sequence(wrap, kdf)), attribute(type, octetString(identifier))),
    )
    expect(asked).toEqual({
      method,
      keyIdentifier: identifier,
      capabilities: [
        { oid: '2.16.840.1.101.3.4.1.45', parameters: null },
        { oid: '1.3.132.1.11.1', parameters: wrap },
      ],
    })
  })

  it('has no capabilities where the client says nothing of them', () => {
    expect(readKeyProtection(within(attribute(SYMMETRIC, octetString(identifier))))?.capabilities).toEqual([])
  })

  it.each([
    [
      'two keys',
      [attribute(SYMMETRIC, octetString(identifier)), attribute(ASYMMETRIC, octetString(identifier))],
      /one of them/,
    ],
    ['an empty identifier', [attribute(SYMMETRIC, octetString())], /of 0 octets/],
    ['a long identifier', [attribute(SYMMETRIC, octetString(Buffer.alloc(256)))], /of 256 octets/],
    ['an identifier of another type', [attribute(ASYMMETRIC, utf8String('key'))], /0xc where 0x4/],
    [
      'capabilities without an OID',
      [attribute(SYMMETRIC, octetString(identifier)), attribute(CAPABILITIES, sequence(sequence(NULL)))],
      /0x5 where 0x6/,
    ],
    [
      'too many capabilities',
      [
        attribute(SYMMETRIC, octetString(identifier)),
        attribute(CAPABILITIES, sequence(...Array<Buffer>(65).fill(wrap))),
      ],
      /more than 64/,
    ],
  ])('refuses %s', (_, attributes, reason) => {
    expectRefusal(() => readKeyProtection(within(...attributes)), 'malformedCsr', reason)
  })
})

describe('readChangeSubjectName', () => {
  const subject = encodeName([
    { type: 'O', value: 'Example' },
    { type: 'CN', value: 'new.example.test' },
  ])
  const names = sequence(
    contextPrimitive(2, Buffer.from('New.example.test')),
    contextPrimitive(2, Buffer.from('new.example.test')),
  )
  const read = (...members: readonly Buffer[]) =>
    readChangeSubjectName(within(attribute(CHANGE_SUBJECT_NAME, sequence(...members))))
  const normalised = [{ type: 'dns', value: 'new.example.test' }]

  it('is null where the CSR has none', () => {
    expect(readChangeSubjectName(within())).toBeNull()
  })

  it.each([
    ['both', [subject, names], { subject, commonNames: ['new.example.test'], names: normalised }],
    ['the subject alone', [subject], { subject, commonNames: ['new.example.test'], names: null }],
    ['the names alone', [names], { subject: null, commonNames: [], names: normalised }],
    ['a subject without attributes', [sequence()], { subject: sequence(), commonNames: [], names: null }],
    [
      'a subject without attributes, and names',
      [sequence(), names],
      { subject: sequence(), commonNames: [], names: normalised },
    ],
  ])('reads %s', (_, members, expected) => {
    expect(read(...members)).toEqual(expected)
  })

  it.each([
    ['neither', [], /ends too early/],
    ['two subjects', [subject, subject], /no GeneralName/],
    ['names before the subject', [names, subject], /after its end/],
    ['names that are no list', [contextPrimitive(2, Buffer.from('a.test'))], /0x82 where 0x30/],
    ['an empty list of names', [subject, sequence()], /empty/],
  ])('refuses %s', (_, members, reason) => {
    expectRefusal(() => read(...members), 'malformedCsr', reason)
  })

  it('refuses a name that cannot be certified', () => {
    expectRefusal(() => read(sequence(contextPrimitive(2, Buffer.from('-')))), 'badName', /DNS name "-"/)
  })
})

describe('a damaged attribute', () => {
  const attributes = [
    attribute(CHALLENGE_PASSWORD, utf8String('secret')),
    attribute(SYMMETRIC, octetString(Buffer.from('01', 'hex'))),
    attribute(CAPABILITIES, sequence(sequence(oid('2.16.840.1.101.3.4.1.42')))),
    attribute(
      CHANGE_SUBJECT_NAME,
      sequence(encodeName([]), sequence(contextPrimitive(2, Buffer.from('a.test')))),
    ),
  ]

  it('is read or refused, whichever octet was changed', () => {
    const whole = within(...attributes)
    for (const { oid: type, values } of whole) {
      const [value] = values
      for (let at = 0; at < value!.length; at++) {
        for (const mask of [0x01, 0x20, 0x80, 0xff]) {
          const damaged = Buffer.from(value!)
          damaged[at]! ^= mask
          const found = whole.map((other) => (other.oid === type ? { ...other, values: [damaged] } : other))
          for (const read of [readChallengePassword, readKeyProtection, readChangeSubjectName])
            parsesOrRefuses(() => read(found))
        }
      }
    }
  })
})
