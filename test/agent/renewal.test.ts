import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chooseRenewal, ownWindow } from '../../src/agent/renewal.ts'

const LIFE = { serialNumber: '4a', notBefore: 1000, notAfter: 13_000 }

test('by itself it takes the time between two thirds and three quarters of life', () => {
  expect(ownWindow(LIFE)).toEqual({ start: 9000, end: 10_000 })
})

test('a window gives one time, which stays until there is another window or another certificate', () => {
  const first = chooseRenewal(LIFE, ownWindow(LIFE), undefined, () => 0.25)
  expect(first.at).toBe(9250)
  expect(chooseRenewal(LIFE, ownWindow(LIFE), first, () => 0.75)).toBe(first)
  expect(chooseRenewal(LIFE, { start: 2000, end: 3000 }, first, () => 0.5).at).toBe(2500)
  expect(chooseRenewal({ ...LIFE, serialNumber: '4b' }, ownWindow(LIFE), first, () => 0.75).at).toBe(9750)
})

test('whatever the CA suggests, a tenth of life is left for what goes wrong', () => {
  const number = fc.integer({ min: -1_000_000, max: 1_000_000 })
  fc.assert(
    fc.property(
      number,
      fc.nat(100_000),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (start, length, chance) => {
        const { at } = chooseRenewal(LIFE, { start, end: start + length }, undefined, () => chance)
        expect(at).toBeLessThanOrEqual(11_800)
        expect(at).toBeGreaterThanOrEqual(Math.min(start, 11_800))
        expect(at).toBeLessThanOrEqual(start + length)
      },
    ),
  )
})
