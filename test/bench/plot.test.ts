import { expect, test } from 'vitest'
import { plotSvg } from '../../bench/plot.ts'

test('a plot has every point inside of its frame, higher values above lower ones, and its words escaped', () => {
  const svg = plotSvg({
    ...{ title: 'a < b', x: 'rows', y: 'per second', places: ['0', '1', '10'] },
    series: [{ name: 'one & two', points: [2311, 2200, 1900].map((y, x) => ({ x, y })) }],
  })
  expect(svg).toContain('a &#60; b')
  expect(svg).toContain('one &#38; two')
  const points = /points="([^"]+)"/
    .exec(svg)![1]!
    .split(' ')
    .map((point) => point.split(',').map(Number))
  const heights = points.map(([, y]) => y!)
  expect(heights).toEqual(heights.toSorted((a, b) => a - b))
  for (const [x, y] of points) {
    expect(x).toSatisfy((at: number) => at > 70 && at < 616)
    expect(y).toSatisfy((at: number) => at >= 44 && at <= 304)
  }
})
