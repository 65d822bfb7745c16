import { expect, test } from 'vitest'
import { editDistance, nearest } from '../../src/config/nearest.ts'

test.each([
  ['', '', 0],
  ['', 'abc', 3],
  ['kitten', 'sitting', 3],
  ['levle', 'level', 1],
  ['ca', 'abc', 3],
])('the distance from %j to %j is %d, both ways', (a, b, distance) => {
  expect(editDistance(a, b)).toBe(distance)
  expect(editDistance(b, a)).toBe(distance)
})

test('the nearest name is the one that was meant, in any letter case', () => {
  const known = ['host', 'tlsPort', 'httpPort', 'publicUrl']
  expect(nearest('tlsprot', known)).toBe('tlsPort')
  expect(nearest('PUBLICURL', known)).toBe('publicUrl')
  expect(nearest('hots', known)).toBe('host')
})

test('no name is offered for one that is like none', () => {
  expect(nearest('elephant', ['host', 'ocsp'])).toBeUndefined()
  expect(nearest('anything', [])).toBeUndefined()
})
