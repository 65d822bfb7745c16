import TypeBox from 'typebox'
import { describe, expect, it } from 'vitest'
import Type from '../../src/schema/build.ts'

/** One schema that uses everything, made by ours or by TypeBox. */
function everything(type: typeof Type): object {
  return type.Object(
    {
      text: type.String({ pattern: '^a+$', description: 'Text.' }),
      number: type.Optional(type.Integer({ minimum: 1 })),
      flag: type.Boolean({ default: true }),
      either: type.Union([type.Literal('a'), type.Literal(1), type.Null()], { description: 'Either.' }),
      list: type.Array(type.Unsafe<string>({ type: 'string', enum: ['a'] }), { uniqueItems: true }),
      decoded: type.Optional(type.Decode(type.Unsafe<string>({ wanted: 'digits' }), (text) => Number(text))),
      some: type.Record(type.String({ pattern: '^[a-z]$' }), type.Unknown(), { description: 'Some.' }),
      any: type.Record(type.String(), type.Integer()),
      part: type.Partial(type.Object({ text: type.String(), more: type.Optional(type.String()) })),
      nothing: type.Object({}, { additionalProperties: false }),
    },
    { description: 'Everything.' },
  )
}

describe('schemas', () => {
  it('are, as JSON, what TypeBox makes', () => {
    expect(JSON.parse(JSON.stringify(everything(Type)))).toEqual(
      JSON.parse(JSON.stringify(everything(TypeBox as unknown as typeof Type))),
    )
  })

  it('are recognised by their kind', () => {
    const object = Type.Object({ a: Type.String() })
    const record = Type.Record(Type.String(), Type.String())
    expect([Type.IsObject(object), Type.IsRecord(object)]).toEqual([true, false])
    expect([Type.IsObject(record), Type.IsRecord(record)]).toEqual([false, true])
    expect([Type.IsArray(Type.Array(object)), Type.IsArray(object)]).toEqual([true, false])
  })

  it('stay what they were when an optional copy is made', () => {
    const text = Type.String()
    expect(Type.IsOptional(Type.Optional(text))).toBe(true)
    expect(Type.IsOptional(text)).toBe(false)
    expect(Object.keys(Type.Optional(text))).toEqual(['type'])
  })
})
