import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  readBasicConstraints,
  readKeyUsage,
  readPurposes,
} from '../../../src/pki/certificate/ca-constraints.ts'
import {
  basicConstraints,
  type Extension,
  extendedKeyUsage,
  keyUsage,
  noRevAvail,
} from '../../../src/pki/certificate/extensions.ts'
import { KEY_USAGES } from '../../../src/pki/certificate/key-usage.ts'
import { parseCertificate, type TbsInfo } from '../../../src/pki/certificate/parse.ts'
import { makeRoot, newKeyPair } from './sample.ts'

const certificate = parseCertificate(makeRoot(newKeyPair()))
const withExtension = (extension: Extension): TbsInfo => ({ ...certificate, extensions: [extension] })
const withValue = (extension: Extension, hex: string) =>
  withExtension({ ...extension, value: Buffer.from(hex, 'hex') })
const refused = expect.objectContaining({ code: 'badAuthorityCertificate' })

describe('readBasicConstraints', () => {
  it('reads what basicConstraints writes', () => {
    expect(readBasicConstraints(certificate)).toEqual({ ca: true, pathLength: 1 })
    expect(readBasicConstraints(withExtension(basicConstraints({ ca: false })))).toEqual({
      ca: false,
      pathLength: null,
    })
    expect(readBasicConstraints(withExtension(basicConstraints({ ca: true })))).toEqual({
      ca: true,
      pathLength: null,
    })
    expect(readBasicConstraints(withExtension(noRevAvail()))).toEqual({ ca: false, pathLength: null })
  })

  it.each([
    ['CA FALSE spelt out', '3003010100'],
    ['TRUE that is not DER', '3003010101'],
    ['a path length without a CA', '3003020100'],
    ['a negative path length', '30060101ff020180'],
    ['something after it', '30000500'],
    ['something inside after it', '30080101ff0201000500'],
    ['nothing', ''],
  ])('refuses %s', (_, hex) => {
    expect(() => readBasicConstraints(withValue(basicConstraints({ ca: true }), hex))).toThrow(refused)
  })
})

describe('readKeyUsage', () => {
  it('reads what keyUsage writes', () => {
    fc.assert(
      fc.property(fc.shuffledSubarray([...KEY_USAGES], { minLength: 1 }), (usages) => {
        expect(readKeyUsage(withExtension(keyUsage(usages)))).toEqual(new Set(usages))
      }),
    )
    expect(readKeyUsage(withExtension(noRevAvail()))).toBeNull()
  })

  it.each([
    ['no bit at all', '030100'],
    ['a zero bit at the end', '03020006'],
    ['unused bits that are set', '03020107'],
    ['more unused bits than there are', '03020880'],
    ['a bit that has no meaning', '0303000001'],
    ['no content', '0300'],
    ['something after it', '030201060500'],
  ])('refuses %s', (_, hex) => {
    expect(() => readKeyUsage(withValue(keyUsage(['cRLSign']), hex))).toThrow(refused)
  })
})

describe('readPurposes', () => {
  it('reads what extendedKeyUsage writes, and null where any purpose is there', () => {
    expect(readPurposes(certificate)).toBeNull()
    const some = extendedKeyUsage(['serverAuth', '1.2.3.4'])
    expect(readPurposes(withExtension(some))).toEqual(['1.3.6.1.5.5.7.3.1', '1.2.3.4'])
    expect(readPurposes(withExtension(extendedKeyUsage(['serverAuth', '2.5.29.37.0'])))).toBeNull()
  })

  it('refuses what is none', () => {
    expect(() => readPurposes(withValue(extendedKeyUsage(['serverAuth']), '0500'))).toThrow(refused)
  })
})
