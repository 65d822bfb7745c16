import { describe, expect, it } from 'vitest'
import { isSubjectOutside, readNameLimits } from '../../../src/pki/certificate/name-constraints.ts'
import { parseCertificate } from '../../../src/pki/certificate/parse.ts'
import {
  context,
  oid,
  printableString,
  sequence,
  setOf,
  TAG,
  tlv,
  utf8String,
} from '../../../src/pki/der/write.ts'
import { encodeName, nameToText, parseDnText } from '../../../src/pki/distinguished-name.ts'
import { signatureAlgorithm } from '../../../src/pki/keys/algorithms.ts'
import { encodePem } from '../../../src/pki/pem.ts'
import { runTool, toolIsMissing } from '../external-tool.ts'
import { expectRefusal } from '../refusal.ts'
import { makeLeaf, makeRoot, newKeyPair } from './sample.ts'

const ECDSA = signatureAlgorithm('ec', 'sha256')
const O = oid('2.5.4.10')
const OU = oid('2.5.4.11')

/** As in RFC 4514, but in encoding order. */
const name = (text: string) => encodeName(parseDnText(text).reverse())
const rdn = (...attributes: [Buffer, Buffer][]) =>
  setOf(...attributes.map(([type, value]) => sequence(type, value)))

function directoryConstraints(permitted: readonly Buffer[], excluded: readonly Buffer[]) {
  const subtrees = (number: number, bases: readonly Buffer[]) =>
    bases.length > 0 ? [context(number, ...bases.map((base) => sequence(context(4, base))))] : []
  const value = sequence(...subtrees(0, permitted), ...subtrees(1, excluded))
  return { oid: '2.5.29.30', critical: true, value }
}

const PERMITTED = [
  // Another string type than ours, other case, other spaces.
  sequence(rdn([oid('2.5.4.6'), printableString('DE')]), rdn([O, printableString('ExAmPle  Works ')])),
  sequence(rdn([O, utf8String('Söhne')])),
  sequence(rdn([O, utf8String('Two')], [OU, utf8String('Values')])),
]
const EXCLUDED = [name('C=DE,O=Example Works,OU=Secret'), name('O=Söhne,OU=Größe')]

const SUBJECTS: readonly (readonly [string, Buffer, boolean])[] = [
  ['', sequence(), false],
  ['the base', name('C=DE,O=Example Works'), false],
  ['below it', name('C=DE,O=Example Works,OU=Web,CN=web.example.test'), false],
  ['in another case', name('C=DE,O=EXAMPLE works'), false],
  ['with more spaces', name('C=DE,O=Example   Works'), false],
  ['above it', name('C=DE'), true],
  ['elsewhere', name('C=DE,O=Example Works Ltd'), true],
  ['its text under another attribute', name('C=DE,OU=Example Works'), true],
  ['in another order', name('O=Example Works,C=DE'), true],
  ['not at the start', name('L=Bonn,C=DE,O=Example Works'), true],
  ['excluded', name('C=DE,O=Example Works,OU=Secret'), true],
  ['below what is excluded', name('C=DE,O=Example Works,OU=secret,CN=a'), true],
  ['beside what is excluded', name('C=DE,O=Example Works,OU=Secrets'), false],
  ['outside ASCII', name('O=Söhne'), false],
  ['several attributes in one RDN', sequence(rdn([OU, utf8String('values')], [O, utf8String('TWO')])), false],
  ['one of them alone', sequence(rdn([O, utf8String('Two')])), true],
  ['one of them twice', sequence(rdn([O, utf8String('Two')], [O, utf8String('two')])), true],
]

describe('directory names in the constraints of an issuer', () => {
  const keys = newKeyPair()
  const root = makeRoot(keys, ECDSA, [directoryConstraints(PERMITTED, EXCLUDED)])
  const limits = readNameLimits(parseCertificate(root), 'badAuthorityCertificate')!

  it.each(SUBJECTS)('a subject %s', (_, subject, outside) => {
    expect(isSubjectOutside(subject, limits)).toBe(outside)
  })

  it.skipIf(toolIsMissing('openssl')).each(SUBJECTS)('openssl judges alike: %s', (_, subject, outside) => {
    const leaf = makeLeaf(keys, ECDSA, [], undefined, subject)
    const files = { 'root.pem': encodePem('CERTIFICATE', root), 'leaf.pem': encodePem('CERTIFICATE', leaf) }
    const verify = () => runTool('openssl', ['verify', '-CAfile', 'root.pem', 'leaf.pem'], files)
    if (outside) expect(verify, nameToText(subject)).toThrow(/subtree violation/)
    else expect(verify()).toContain('OK')
  })

  // Relying parties differ about these; whatever one of them would refuse is refused.
  it('what might be equal is neither permitted nor clear of an exclusion', () => {
    expect(isSubjectOutside(name('O=SÖHNE'), limits)).toBe(true)
    expect(isSubjectOutside(name('O=Söhne,OU=GRÖSSE'), limits)).toBe(true)
    const t61 = sequence(rdn([O, tlv(TAG.t61String, Buffer.from('Söhne', 'latin1'))]))
    for (const [permitted, excluded] of [
      [[t61], []],
      [[], [t61]],
    ] as const) {
      const other = makeRoot(keys, ECDSA, [directoryConstraints(permitted, excluded)])
      const read = readNameLimits(parseCertificate(other), 'badAuthorityCertificate')!
      expect(isSubjectOutside(name('O=Söhne'), read)).toBe(true)
      expect(isSubjectOutside(sequence(), read)).toBe(false)
    }
  })

  it('that are none are refused when they are read', () => {
    const other = makeRoot(keys, ECDSA, [directoryConstraints([sequence(utf8String('x'))], [])])
    expectRefusal(
      () => readNameLimits(parseCertificate(other), 'badAuthorityCertificate'),
      'badAuthorityCertificate',
      /nameConstraints/,
    )
  })
})
