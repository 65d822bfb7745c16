import { expect, test } from 'vitest'
import { descriptorLimit, fitConnections } from '../../../src/api/overload/descriptors.ts'

const WANTED = { httpConnections: 16_384, tlsConnections: 4096 }

function outcome(descriptors: number | null, workers = 0) {
  const told: object[] = []
  const log = { warn: (facts: object) => void told.push(facts), error: () => {} }
  return { fitted: fitConnections(WANTED, descriptors, { workers }, log), told }
}

test('where there are descriptors enough, or nobody knows, the bounds are those of the configuration', () => {
  for (const descriptors of [null, 1_048_576, 20_580])
    expect(outcome(descriptors)).toEqual({ fitted: WANTED, told: [] })
})

test('else both listeners give up the same share, and what the service needs itself is left', () => {
  const { fitted, told } = outcome(1124)
  expect(fitted).toEqual({ httpConnections: 819, tlsConnections: 204 })
  expect(told).toEqual([{ descriptors: 1124, ...fitted }])
  expect(outcome(20_000).told).toEqual([])
})

test('with workers a plain connection needs three: its own, and both ends of the one to the main thread; and each worker needs some', () => {
  expect(outcome(53_364, 2)).toEqual({ fitted: WANTED, told: [] })
  expect(outcome(1140, 2).fitted).toEqual({ httpConnections: 315, tlsConnections: 78 })
  expect(outcome(1636, 64).fitted).toEqual({ httpConnections: 315, tlsConnections: 78 })
})

test('a listener always has some', () => {
  expect(outcome(10).fitted).toEqual({ httpConnections: 16, tlsConnections: 16 })
})

test('the limit is that of this process', () => {
  if (process.platform === 'linux') expect(descriptorLimit()).toBeGreaterThan(0)
})
