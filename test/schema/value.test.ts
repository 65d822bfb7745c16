import { describe, expect, it } from 'vitest'
import Type from '../../src/schema/build.ts'
import { decode, isValid, withDefaults } from '../../src/schema/value.ts'

const Options = Type.Object({
  port: Type.Integer({ default: 80 }),
  times: Type.Object(
    { wait: Type.Decode(Type.Unsafe<string>({ default: '5s' }), (text) => Number.parseInt(text, 10)) },
    { default: {} },
  ),
  name: Type.Optional(Type.String()),
  list: Type.Array(Type.String(), { default: ['a'] }),
  map: Type.Record(Type.String(), Type.Object({ size: Type.Integer({ default: 1 }) }), { default: {} }),
})

describe('a value', () => {
  it.each([
    [
      Type.String({ minLength: 1, maxLength: 2, pattern: '^a' }),
      ['a', 'aé', 'a😀'],
      ['', 'b', 'abc', 1, null],
    ],
    [Type.Integer({ minimum: 0, maximum: 9 }), [0, 9], [-1, 10, 1.5, '1', Number.NaN, null]],
    [Type.Integer(), [-5, 1e9], [Number.POSITIVE_INFINITY, true]],
    [Type.Boolean(), [true, false], ['true', 0, undefined]],
    [Type.Unsafe<string>({ type: 'string', enum: ['a', 'b'] }), ['a', 'b'], ['c', '', 1]],
  ])('is what its schema says, or not: %j', (schema, good, bad) => {
    expect(good.filter((value) => !isValid(schema, value))).toEqual([])
    expect(bad.filter((value) => isValid(schema, value))).toEqual([])
  })

  it('is not taken for valid under a schema that cannot be checked', () => {
    expect(() => isValid(Type.Array(Type.String()), [])).toThrow(TypeError)
  })
})

describe('decode', () => {
  it('fills in defaults at every depth and decodes them', () => {
    expect(decode(Options, {})).toEqual({ port: 80, times: { wait: 5 }, list: ['a'], map: {} })
  })

  it('keeps what is given, also inside of a map and in front of a default', () => {
    const given = { port: 1, times: { wait: '7s' }, name: 'n', list: [], map: { one: {}, two: { size: 2 } } }
    expect(decode(Options, given)).toEqual({
      ...given,
      times: { wait: 7 },
      map: { one: { size: 1 }, two: { size: 2 } },
    })
  })

  it('leaves out keys that the schema does not know', () => {
    expect(decode(Options, { other: 1, times: { more: 1 } })).not.toHaveProperty('other')
  })

  it('says which key is missing', () => {
    const schema = Type.Object({ inner: Type.Object({ needed: Type.String() }) })
    expect(() => decode(schema, { inner: {} })).toThrow('.inner.needed')
  })

  it('shares nothing with what it was given, nor with a default', () => {
    const first = decode(Options, {})
    first.list.push('b')
    expect(decode(Options, {}).list).toEqual(['a'])
    const given = { list: ['x'] }
    decode(Options, given).list.push('y')
    expect(given.list).toEqual(['x'])
  })
})

describe('withDefaults', () => {
  it('leaves a key absent that has no default', () => {
    expect(withDefaults(Options, { port: 3 })).toEqual({
      port: 3,
      times: { wait: '5s' },
      list: ['a'],
      map: {},
    })
  })
})
