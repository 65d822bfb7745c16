import { expect, test } from 'vitest'
import { parseTracestate } from '../../src/tracing/tracestate.ts'

test.each([
  ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', 'rojo=00f067aa0ba902b7,congo=t61rcWkgMzE'],
  [' a=1 ,\tb=2,, ', 'a=1,b=2'],
  ['fw529a3039@dt=FfAAAAAA,1a-_*/=x', 'fw529a3039@dt=FfAAAAAA,1a-_*/=x'],
  [['a=1', 'b=2'], 'a=1,b=2'],
  ['a= b', 'a= b'],
  [undefined, ''],
  ['', ''],
])('%j is passed on as %j', (header, state) => {
  expect(parseTracestate(header)).toBe(state)
})

test.each(['a', '=1', 'A=1', 'a=', 'a=1=2', 'a=\u00e9', 'a@1=2', 'a=1,a=2', 'a b=1', `${'k'.repeat(257)}=1`])(
  'one with %j is left out as a whole',
  (member) => {
    expect(parseTracestate(`good=1,${member}`)).toBe('')
  },
)

// To look for white space at the end from each place on would take minutes, in which the service answers nobody.
test('one with much white space within is soon left out', () => {
  expect(parseTracestate(`good=1,a=b${' '.repeat(400_000)}c`)).toBe('')
  expect(parseTracestate(`${'\t'.repeat(400_000)}a=b${' '.repeat(400_000)}`)).toBe('a=b')
})

test('more than 32 members are none, and what is long is cut: the longest members first, then the last', () => {
  const members = (count: number, value = '1') => Array.from({ length: count }, (_, i) => `k${i}=${value}`)
  expect(parseTracestate(members(32).join())).toBe(members(32).join())
  expect(parseTracestate(members(33).join())).toBe('')
  const long = `long=${'x'.repeat(200)}`
  expect(parseTracestate([long, 'a=1'].join())).toBe(`${long},a=1`)
  const many = members(10, 'y'.repeat(60))
  const cut = parseTracestate([long, ...many].join())
  expect(cut).toBe(many.slice(0, 8).join().length <= 512 ? many.slice(0, 8).join() : many.slice(0, 7).join())
  expect(cut.length).toBeLessThanOrEqual(512)
})
