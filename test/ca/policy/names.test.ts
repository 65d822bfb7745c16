import fc from 'fast-check'
import { expect, test } from 'vitest'
import { uriMatches } from '../../../src/ca/policy/names.ts'

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

// As a regular expression this takes minutes, in which the service answers nobody.
test('a pattern of many stars is soon done with a URI that it does not fit', () => {
  const uri = `spiffe://example.test/${'-'.repeat(1000)}/x`
  expect(uriMatches('spiffe://example.test/*-*-*-*', uri)).toBe(false)
  expect(uriMatches('spiffe://example.test/*-*-*-*/x', uri)).toBe(true)
})
