import { expect, test } from 'vitest'
import { parseHeaders } from '../../src/telemetry/headers.ts'

test.each([
  ['api-key=abc', { 'api-key': 'abc' }],
  [' A = b=c , d=%e2%82%ac'.replace('%e2%82%ac', '%2C'), { a: 'b=c', d: ',' }],
  ['a=1\nb=2\r\n\n,c=', { a: '1', b: '2', c: '' }],
  ['', {}],
])('%j is read as OTEL_EXPORTER_OTLP_HEADERS is', (text, headers) => {
  expect(parseHeaders(text)).toEqual(headers)
})

test.each([
  ['a=1,secret', /header 2 has no "="/],
  ['a b=secret', /header 1 has no name/],
  ['=secret', /header 1 has no name/],
  ['a=secret,A=secret', /header 2 is "a" again/],
  ['Content-Type=secret', /"content-type", which is not to be set/],
  ['host=secret', /"host"/],
  ['a=secret%zz', /"a" has a value that cannot be sent/],
  ['a=secret%0d%0aX:%20y', /"a" has a value that cannot be sent/],
])('%j is refused by what is wrong, and not by its secret', (text, words) => {
  const refused = () => parseHeaders(text)
  expect(refused).toThrow(words)
  expect(refused).not.toThrow(/secret(?!s)/)
})
