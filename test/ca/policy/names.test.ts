import fc from 'fast-check'
import { expect, test } from 'vitest'
import { uriMatches } from '../../../src/ca/policy/names.ts'

test.for([
  ['spiffe://*/**', 'spiffe://example.test/ns/web', true],
  ['spiffe://*/**', 'spiffe://example.test/', false],
  ['spiffe://*/**', 'spiffe:///ns/web', false],
  ['https://*.example.test/', 'https://a.b.example.test/', true],
  ['https://*.example.test/', 'https://evil.test?.example.test/', false],
  ['https://*.example.test/', 'https://evil.test#.example.test/', false],
  ['urn:a.c', 'urn:abc', false],
  ['urn:***z', 'urn:xyz', true],
  ['urn:***z', 'urn:xz', false],
  ['urn:a', 'urn:ab', false],
  ['urn:a*', 'urn:a', false],
] as [string, string, boolean][])('%s over %s: %s', ([pattern, uri, expected]) => {
  expect(uriMatches(pattern, uri)).toBe(expected)
})

test('a long URI that almost fits a pattern with several wildcards is refused at once', () => {
  expect(uriMatches('https://*-*-*-*-x', `https://${'-a'.repeat(1000)}`)).toBe(false)
  expect(uriMatches('spiffe://*/**/a/**/b/**/c/**/x', `spiffe://t${'/a/b/c'.repeat(330)}`)).toBe(false)
})

test('a URI pattern means what a regular expression would: * within a segment, ** beyond it', () => {
  const text = (letters: string) => fc.string({ unit: fc.constantFrom(...letters), maxLength: 8 })
  const asExpression = (pattern: string) => {
    const parts = pattern.split(/(\*\*?)/)
    const read = (part: string) =>
      part === '**' ? '.+' : part === '*' ? '[^/?#]+' : part.replaceAll('?', '\\?')
    return new RegExp(`^${parts.map(read).join('')}$`)
  }
  const both = fc.property(text('a*/?'), text('aa//?#b'), (pattern, uri) => {
    expect(uriMatches(pattern, uri)).toBe(asExpression(pattern).test(uri))
  })
  fc.assert(both, { numRuns: 5000 })
})
