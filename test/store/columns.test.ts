import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as columns from '../../src/store/columns.ts'

const hex = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((bytes) => Buffer.from(bytes).toString('hex'))

describe('a shortened column', () => {
  test('gives a target back exactly, whatever it looks like', () => {
    fc.assert(
      fc.property(fc.oneof(hex, fc.string(), fc.constantFrom('', '7', '17', 'AB', 'abc')), (target) => {
        expect(columns.readTarget(columns.targetColumn(target))).toBe(target)
      }),
    )
  })

  test('gives a principal back exactly, whatever it looks like', () => {
    const odd = fc.constantFrom('', 'certificate:', 'certificate:abc', 'certificate:AB', '40ab', 'token:17')
    fc.assert(
      fc.property(
        fc.oneof(
          hex.map((serial) => `certificate:${serial}`),
          hex,
          fc.string(),
          odd,
        ),
        (id) => {
          expect(columns.readPrincipal(columns.principalColumn(id))).toBe(id)
        },
      ),
    )
  })

  test('takes half the room of hexadecimal text', () => {
    expect(columns.targetColumn('40ab')).toEqual(Buffer.from([0x40, 0xab]))
    expect(columns.principalColumn('certificate:40ab')).toEqual(Buffer.from([0x40, 0xab]))
  })
})

test('names keep their order, and colons of their own', () => {
  const names = [
    { type: 'uri', value: 'spiffe://example.test/a:b' },
    { type: 'ip', value: '2001:db8::1' },
    { type: 'dns', value: 'web.example.test' },
  ] as const
  expect(columns.readNames(columns.namesColumn(names))).toEqual(names)
})

test('a DNS name is searched from its end, any other from its beginning', () => {
  expect(columns.searchKey('Web.example.test')).toBe('tset.elpmaxe.bew')
  for (const name of ['192.0.2.1', '2001:db8::1', 'ops@example.test', 'spiffe://example.test/web']) {
    expect(columns.searchKey(name)).toBe(name)
  }
})

test.each(['', 'abc', 'AB', 'zz', '4 '])('the serial number "%s" is that of no certificate', (text) => {
  expect(columns.serialOctets(text)).toHaveLength(0)
})
