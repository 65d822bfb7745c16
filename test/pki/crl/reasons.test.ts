import { CRLReasons } from '@peculiar/asn1-x509'
import { expect, test } from 'vitest'
import { REASON, REVOCATION_REASONS, reasonCode, reasonName } from '../../../src/pki/crl/reasons.ts'
import { expectRefusal } from '../refusal.ts'

test('reasons have the codes of RFC 5280', () => {
  for (const [name, code] of Object.entries(REASON)) expect(CRLReasons[code]).toBe(name)
})

test('a reason is read in any letter case, and written in the one of RFC 5280', () => {
  for (const name of REVOCATION_REASONS) {
    expect(reasonName(reasonCode(name))).toBe(name)
    expect(reasonCode(name.toLowerCase())).toBe(REASON[name])
  }
})

test('only reasons to revoke are taken', () => {
  for (const name of ['removeFromCRL', 'removefromcrl', 'stolen', '', 'toString', '1']) {
    expectRefusal(() => reasonCode(name), 'malformedRequest', /Known: unspecified, keyCompromise/)
  }
  for (const code of [7, 8, 11, -1]) expect(() => reasonName(code)).toThrow(RangeError)
})
