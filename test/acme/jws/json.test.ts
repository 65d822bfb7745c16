import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseJsonObject } from '../../../src/acme/jws/json.ts'
import { expectAcmeError } from '../refusal.ts'

const parse = (text: string) => parseJsonObject(Buffer.from(text), 'The payload')

describe('a JSON object', () => {
  it('is read, whatever stands in its strings', () => {
    expect(
      parse(String.raw`{"a":"{\"a\":1}","b":["a","a",{"a":"\\"}],"c":{"a":"b\\\"a\":"},"d":"a"}`),
    ).toEqual({
      a: '{"a":1}',
      b: ['a', 'a', { a: '\\' }],
      c: { a: 'b\\"a":' },
      d: 'a',
    })
  })

  it('may be anything that JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (value) => {
        for (const text of [JSON.stringify(value), JSON.stringify(value, null, '\t')]) {
          expect(parse(text)).toEqual(JSON.parse(text))
        }
      }),
    )
  })

  it('has no prototype that was sent', () => {
    const value = parse('{"__proto__":{"alg":"ES256"}}')
    expect(value.alg).toBeUndefined()
  })

  it('may be nested as deeply as its length allows', () => {
    const depth = 20_000
    expect(() => parse(`${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`)).not.toThrow()
  })

  it.each([
    ['at the top', '{"alg":"a","x":1,"alg":"b"}'],
    ['with spaces before the colon', '{"alg" \r\n\t:"a", "alg" : "b"}'],
    ['by an escape', String.raw`{"alg":"a","\u0061lg":"b"}`],
    ['deep within', '{"x":[1,{"y":{"alg":1,"z":{},"alg":2}}]}'],
    ['after an object', '{"alg":{"alg":1},"alg":2}'],
    ['behind a string that ends in a backslash', String.raw`{"alg":"\\","alg":"b"}`],
  ])('is refused if it has a name twice, %s', (_where, text) =>
    expectAcmeError(() => parse(text), 'malformed', /has the member "alg" twice/),
  )

  it('is not refused for one name in two objects', () => {
    expect(() => parse('{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":"a"}}')).not.toThrow()
  })

  it.each([
    ['text that is no JSON', Buffer.from('{"a":1')],
    ['nothing', Buffer.alloc(0)],
    ['two values', Buffer.from('{}{}')],
    ['octets that are not UTF-8', Buffer.from('7b2261223a22ff227d', 'hex')],
    ['UTF-8 in more octets than it needs', Buffer.from('7b2261223a22c080227d', 'hex')],
    ['a surrogate in UTF-8', Buffer.from('7b2261223a22eda080227d', 'hex')],
    ['a byte order mark', Buffer.from('\ufeff{}')],
    ['UTF-16', Buffer.from('{}', 'utf16le')],
  ])('is not %s', (_what, octets) =>
    expectAcmeError(() => parseJsonObject(octets, 'The payload'), 'malformed', /is not JSON in UTF-8/),
  )

  it.each(['[]', 'null', '"a"', '1', 'true'])('is not %s', (text) =>
    expectAcmeError(() => parse(text), 'malformed', /is not a JSON object/),
  )
})
