import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../src/config/duration.ts'
import { refusal } from './temporary.ts'

describe('parseDuration', () => {
  test.each([
    ['90d', 7_776_000],
    ['24h', 86_400],
    ['10m', 600],
    ['1h30m', 5400],
    ['1y', 31_536_000],
    ['2w', 1_209_600],
    ['45s', 45],
    ['0s', 0],
    ['3600', 3600],
    [3600, 3600],
    [' 1h ', 3600],
  ])('reads %j', (text, seconds) => {
    expect(parseDuration(text)).toBe(seconds)
  })

  test.each([
    '',
    ' ',
    'soon',
    '1.5h',
    '-1h',
    '1h 30m',
    '30m1h',
    '1h1h',
    '1H',
    'PT1H',
    '1e3',
    'h',
    '١h',
    Number.NaN,
    1.5,
    -1,
  ])('refuses %j and says the form', (text) => {
    const { code, detail } = refusal(() => parseDuration(text, 'The ttl'))
    expect(code).toBe('malformedRequest')
    expect(detail).toContain('The ttl must be a duration such as "90d"')
  })

  test('refuses more than a century, however it is written', () => {
    expect(refusal(() => parseDuration('101y')).detail).toContain('hundred years')
    expect(refusal(() => parseDuration('999999999999')).detail).toContain('hundred years')
    expect(parseDuration('100y')).toBe(3_153_600_000)
  })
})

describe('formatDuration', () => {
  test.each([
    [0, '0s'],
    [5400, '1h30m'],
    [7_776_000, '90d'],
    [90_061, '1d1h1m1s'],
  ])('%d', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text)
  })

  test('is read back as the same number', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3_153_600_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds))).toBe(seconds)
      }),
    )
  })
})
